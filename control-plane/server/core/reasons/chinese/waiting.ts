import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { START_CODES, WAITING_CODES } from "../codes/waiting.ts";

export const WAITING_CHINESE = messagesFor<typeof WAITING_CODES>()({
  "waiting-for-place": "等待资源。",
  "no-host-joined": "等待资源：还没有主机加入。",
  "waiting-on-hosts": "等待资源。{hosts}。",
  "waiting-for-places": "需要同时有 {requested} 个位置，现有 {free} 个空闲。",
  "waiting-for-places-on-hosts": "需要同时有 {requested} 个位置，现有 {free} 个空闲。{hosts}。",
  "hosts-without-confirmed-address": "未与其他主机一起尝试，因为其地址尚未确认：{hosts}。",
  "hosts-not-reaching-each-other": "暂时不一起尝试这些主机，因为其上的进程互相无法连通：{hosts}。",
  "waiting-behind-first": "排在更靠前的订单之后：空闲资源为它保留。",
  "no-host-can-take-it": "没有主机能够容纳：{why}。",
  "place-taken-meanwhile": "等待资源：{why}。",
  "waiting-for-price": "等待价格：{why}。",
  "waiting-for-funds": "等待余额：{why}。",
  "waiting-for-quota": "等待配额：{why}。",
  "waiting-for-image": "等待镜像：{why}。",
  "waiting-for-stop": "等待 {host_count} 台主机确认上次启动的容器已停止：{hosts}。",
  "waiting-for-turn": "等待轮到：该作业组同时只运行 {at_once} 个。",
  "waiting-for-network": "等待网络：{network_count} 个网络都在使用。",
  "waiting-for-confirmed-address": "等待主机 {host_id}：其他主机用来找到它的地址尚未确认，或不是 IPv4 地址。",
  "too-many-instances": "最多 {max_instances} 个实例一起启动。",
  several: "{reasons}",
  "mount-missing-in-pool": "存储池 {storage_pool} 中缺少挂载内容：{why}。",
  "waiting-for-another-gpu": "等待另一张 GPU：{why}。",
  "order-not-waiting": "它已不再等待。",
  "order-fits-now": "现在有空闲资源。",
  "order-fits-later": "现在没有空闲资源：需要等待。",
  "order-beyond-fleet": "{why}。",
  "instance-fits-on-hosts": {
    plural: "host_count",
    one: "现在有 1 台主机可以容纳它的一个实例。",
    other: "现在有 {host_count} 台主机可以容纳它的一个实例。",
  },
  "instance-fits-nowhere": "现在没有主机可以容纳它的一个实例：需要等待。",
});

export const START_CHINESE = messagesFor<typeof START_CODES>()({
  "would-start-with-cores": {
    plural: "cores",
    one: "改为 1 个 CPU 核即可立即启动。",
    other: "改为 {cores} 个 CPU 核即可立即启动。",
  },
  "would-start-with-memory": "改为 {memory_bytes} 内存即可立即启动。",
  "would-start-with-temp-storage": "改为 {temp_storage_bytes} 临时存储即可立即启动。",
  "would-start-with-gpus": "改为 {gpus} 张 GPU 即可立即启动。",
  "would-start-with-gpu-memory": "改为 {gpu_memory_bytes} 显存即可立即启动。",
  "would-start-on-model": "改用 {gpu_model} 即可立即启动。",
  "would-start-without-label": "去掉标签 {label} 即可立即启动。",
  "would-start-with-instances": {
    plural: "instances",
    one: "改为 1 个实例即可立即启动。",
    other: "改为 {instances} 个实例即可立即启动。",
  },
  "would-start-within-minutes": {
    plural: "minutes",
    one: "限时 1 分钟即可立即启动。",
    other: "限时 {minutes} 分钟即可立即启动。",
  },
  "would-start-after": "{workload} 结束后即可启动。",
  "would-start-after-by": "{workload} 结束后即可启动，最迟在 {until}。",
  "workload-of-another-customer": "其他客户的任务",
});
