import { messagesFor } from "../../messages.ts";
import type { GPU_CLOSURE_CODES, GPU_READING_CODES, GPU_SIGN_CODES } from "../codes/gpus.ts";

export const GPU_SIGN_ENGLISH = messagesFor<typeof GPU_SIGN_CODES>()({
  "gpu-lost": "nvidia-smi says that the GPU is lost.",
  "gpu-requires-reset": "nvidia-smi says that the GPU requires a reset.",
  "gpu-recovery-reboot": "The driver asks for a reboot of the host to recover the GPU.",
  "gpu-recovery-reset": "The driver asks for a reset of the GPU.",
  "gpu-recovery-drain-p2p": "The driver asks that the GPU's traffic to other GPUs be drained.",
  "gpu-recovery-drain-and-reset": "The driver asks that the GPU be drained and then reset.",
  "gpu-without-power": "The GPU's external power cables are not attached, says nvidia-smi.",
  "gpu-interrupts-faulty": "The kernel sees a fault of the GPU's interrupts, says nvidia-smi.",
  "gpu-values-unknown-error": "nvidia-smi reads errors in place of values from the GPU.",
  "gpu-values-err": "nvidia-smi shows ERR! in place of values of the GPU.",
  "gpu-fabric-unhealthy": "The GPU's NVLink fabric is unhealthy.",
  "gpu-fabric-in-progress": "The GPU is not yet part of its NVLink fabric: no CUDA program can run on it.",
  "gpu-without-answer": "nvidia-smi answers for other GPUs of this host and not for this one.",
});

export const GPU_READING_ENGLISH = messagesFor<typeof GPU_READING_CODES>()({
  "gpu-power-unreadable": "nvidia-smi shows an error in place of its power.",
  "gpu-utilization-unreadable": "nvidia-smi shows an error in place of its utilization.",
  "gpu-memory-errors-unreadable": "nvidia-smi shows an error in place of its memory errors.",
  "gpu-memory-repairs-unreadable": "nvidia-smi shows an error in place of its memory repairs.",
  "gpu-readings-missing": "nvidia-smi tells no readings of it.",
  "gpu-inforom-corrupted": "Its infoROM is corrupted.",
  "gpu-fabric-capacity-limited": "Its NVLink fabric has less than its full capacity.",
  "gpu-fabric-bandwidth-degraded": "Its NVLink fabric has less than its full bandwidth.",
  "gpu-memory-errors": "Uncorrectable memory errors since the driver came up: {errors}.",
  "gpu-memory-errors-grown": "Uncorrectable memory errors: {more} more than before.",
  "gpu-memory-repair-pending": "A memory row or page waits for a reset of the card.",
  "gpu-memory-repair-failed": "A memory row could not be replaced.",
  "gpu-at-temperature-limit": "It is at {temperature_c} °C, its limit.",
  "gpu-clocks-slowed": "Its clocks are held down: {throttle_reasons}.",
});

export const GPU_CLOSURE_ENGLISH = messagesFor<typeof GPU_CLOSURE_CODES>()({
  "gpu-no-longer-listed": "It is gone: nvidia-smi no longer lists it.",
  "gpu-mig-enabled": "MIG is on: the GPU is cut into slices, and only whole GPUs are given to workloads.",
  "gpu-refused-to-container": "The device rules of this host keep a container that holds it from using it.",
  "gpu-attach-mode-missing":
    "It cannot be given to a container: this host has no CDI spec and no NVIDIA runtime.",
  "gpu-cdi-spec-missing": "It cannot be given to a container: no CDI spec of this host names it.",
});
