/**
 * Sentences of the server, of hosts and of the API's refusals, and what they are in Chinese. In a pair `{host}` is whatever
 * stands there, `{why:said}` is a sentence that stands here, too, `{what:list}` are several with commas between, and
 * `{where:hosts}` are several of each host. The first that fits is taken.
 */

export const CHINESE: readonly (readonly [sentence: string, translation: string])[] = [
  // Bytes that are not those that were sealed.
  [
    "Host {host} of storage pool {pool} has other bytes of version {version} in {folder} than were sealed. Until this is cleared, other hosts of the pool are asked for it first.",
    "存储池 {pool} 的主机 {host} 上，{folder} 中版本 {version} 的内容与封存时不同。在清除此告警之前，将优先读取该存储池的其他主机。",
  ],
  // Waiting for a place.
  ["and {more} more hosts", "另有 {more} 台主机。"],

  // What keeps it from a host.
  [
    "asked for a host with the label {label}, and no host has it",
    "需要带标签 {label} 的主机，而没有这样的主机",
  ],

  // What would start it.
  [
    "It would start when {work} has ended, by {until} at the latest.",
    "{work} 结束后即可启动，最迟在 {until}。",
  ],
  ["It would start when {work} has ended.", "{work} 结束后即可启动。"],

  // Money, quotas and prices.
  ["the account is {status}; a top-up makes it normal again", "账户处于 {status} 状态；充值后恢复正常"],
  [
    "{quota} of the {owner} is {limit}: {used} in use, {asked} more asked",
    "{owner} 的 {quota} 为 {limit}：已用 {used}，另需 {asked}",
  ],

  // Environments.
  ["The container is being started.", "容器正在启动。"],
  ["The container is gone and nobody ordered that.", "容器已消失，而没有人下过此指令。"],
  // What a program did on a GPU.
  [
    "Your program's work on the GPU made no progress and was ended (Xid {code}).",
    "您的程序在 GPU 上的任务没有进展，已被终止（Xid {code}）。",
  ],
  [
    "Your program's commands reached the GPU broken (Xid {code}).",
    "您的程序发给 GPU 的命令已损坏（Xid {code}）。",
  ],
  [
    "Your program made an illegal access or instruction on the GPU (Xid {code}).",
    "您的程序在 GPU 上执行了非法访问或非法指令（Xid {code}）。",
  ],
  [
    "Your program touched GPU memory that is not its own (Xid {code}).",
    "您的程序访问了不属于它的 GPU 显存（Xid {code}）。",
  ],
  [
    "Your program's work on the GPU was ended after an error of its own (Xid {code}).",
    "您的程序在 GPU 上的任务因自身错误被终止（Xid {code}）。",
  ],
  [
    "Your program's work on the GPU was ended early, as happens when it ends or after another error (Xid {code}).",
    "您的程序在 GPU 上的任务被提前终止，程序结束时或出现其他错误后会如此（Xid {code}）。",
  ],
  [
    "Your program used the GPU's graphics engine wrongly (Xid {code}).",
    "您的程序错误地使用了 GPU 的图形引擎（Xid {code}）。",
  ],
  [
    "A copy that your program ordered failed on the GPU (Xid {code}).",
    "您的程序请求的一次复制在 GPU 上失败（Xid {code}）。",
  ],
  [
    "The GPU's video engine met an error in your program's work (Xid {code}).",
    "GPU 的视频引擎在处理您程序的任务时出错（Xid {code}）。",
  ],
  [
    "The GPU's JPEG engine met an error in your program's work (Xid {code}).",
    "GPU 的 JPEG 引擎在处理您程序的任务时出错（Xid {code}）。",
  ],
  [
    "The GPU's optical flow engine met an error in your program's work (Xid {code}).",
    "GPU 的光流引擎在处理您程序的任务时出错（Xid {code}）。",
  ],
  ["Stopping; ordered by {actor}.", "正在停止；由 {actor} 下令。"],
  ["Stopped; ordered by {actor}.", "已停止；由 {actor} 下令。"],
  ["Its earlier run {run} is being stopped.", "较早的运行 {run} 正在停止。"],
  ["The container runtime of this host does not answer.", "该主机的容器运行时没有响应。"],
  [
    "The container has used up its memory: the kernel has ended what ran in it.",
    "容器内存已用尽：内核已终止其中的程序。",
  ],
  [
    "The container has used up the {size} MiB of memory that it may have.",
    "容器已用尽可用的 {size} MiB 内存。",
  ],
  [
    "The container has used up the {count} processes that it may have.",
    "容器已用尽可用的 {count} 个进程数。",
  ],
  ["Its container runs and is asked whether it serves.", "容器已运行，正在检查是否可以提供服务。"],
  [
    "Its container runs; its command is held back until all of its gang may go.",
    "容器已运行；其命令等待所有进程就绪后一起开始。",
  ],
  ["{said:said} Its container is started again.", "{said}容器正在重新启动。"],

  // Images.
  ["Image {image} is being pulled.", "正在拉取镜像 {image}。"],
  [
    "Image {image} is being pulled: {done} of {layers} layers, {bytes}.",
    "正在拉取镜像 {image}：已完成 {done}/{layers} 层，{bytes}。",
  ],

  // Ways in.
  [
    "Too many guesses at its password: until {when} UTC it opens from addresses that logged in within a week alone; keys and the web terminal always lead in.",
    "密码猜测次数过多：协调世界时 {when} 之前，只有一周内登录过的地址可以使用密码；密钥和网页终端始终可用。",
  ],
  ["Host {host} is binding a port for {service}. {more}", "主机 {host} 正在为 {service} 绑定端口。{more}"],
  ["{why:said} Renew the access to take another.", "{why}请更新访问以获取新端口。"],
  ["{why:said} The next start takes another.", "{why}下次启动会分配新端口。"],
  ["Nobody used it for {hours} hours.", "{hours} 小时内无人使用。"],
  ["Nothing answers yet. {why}", "尚无响应。{why}"],

  // Jobs.
  ["Rank {rank}: {why:said}", "进程 {rank}：{why}"],
  [
    "{why:said} Attempt {attempt} follows in {seconds} seconds on another host (retry {used} of {allowed}).",
    "{why}第 {attempt} 次尝试将在 {seconds} 秒后在另一台主机上进行（重试 {used}/{allowed}）。",
  ],
  ["Placed on {where}, free of charge: {what:said}", "已安排到 {where}，不计费：{what}"],

  // Refusals of every kind.
  ["{what} has not run yet, so nothing was written.", "{what} 尚未运行，没有输出。"],
  ["No last lines of this run are stored.", "没有保存这次运行的最后几行。"],
  ["You may not read this any more.", "您已无权读取。"],
];
