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
  ["{said:said} Its container is started again.", "{said}容器正在重新启动。"],

  // Ways in.
  ["Host {host} is binding a port for {service}. {more}", "主机 {host} 正在为 {service} 绑定端口。{more}"],
  ["{why:said} Renew the access to take another.", "{why}请更新访问以获取新端口。"],
  ["{why:said} The next start takes another.", "{why}下次启动会分配新端口。"],
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
