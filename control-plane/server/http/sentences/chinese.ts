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
  [
    "Your share is {own} %, others who wait have {others} %.",
    "您的份额为 {own} %，其他等待者的份额为 {others} %。",
  ],
  ["Your share is {own} %, nobody else waits.", "您的份额为 {own} %，没有其他人在等待。"],
  ["Replica {rank} waits for a place.", "副本 {rank} 在等待资源。"],
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
  ["The account is normal again.", "账户已恢复正常。"],
  [
    "The money is used up. What runs is stopped at the next full hour unless a payment comes in.",
    "余额已用完。若未付款，运行中的资源将在下一个整点停止。",
  ],
  [
    "The account is suspended, and what ran is being stopped. A payment makes it normal again.",
    "账户已暂停，运行中的资源正在停止。付款后恢复正常。",
  ],

  // Environments.
  ["A restart: a new run in its place.", "重启：在原处开始新的运行。"],
  ["The environment was deleted.", "环境已删除。"],
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
  ["{said:said} Its container is started again.", "{said}容器正在重新启动。"],

  // Ways in.
  ["It gets a port when the environment is started.", "环境启动后会分配端口。"],
  [
    "No port was taken for it. Renew the access, or start the environment anew.",
    "没有为它分配端口。请更新访问，或重新启动环境。",
  ],
  [
    "Host {host} is not heard; the port leads in again when it is reached.",
    "收不到主机 {host} 的消息；恢复后端口即可再次使用。",
  ],
  [
    "Too many guesses at its password: until {when} UTC it opens from addresses that logged in within a week alone; keys and the web terminal always lead in.",
    "密码猜测次数过多：协调世界时 {when} 之前，只有一周内登录过的地址可以使用密码；密钥和网页终端始终可用。",
  ],
  ["Host {host} is binding a port for {service}. {more}", "主机 {host} 正在为 {service} 绑定端口。{more}"],
  ["Host {host} is binding a port for {service}.", "主机 {host} 正在为 {service} 绑定端口。"],
  ["Host {host} has no free port; it is tried again.", "主机 {host} 没有空闲端口；将重试。"],
  [
    "The environment is still starting; the port is kept and leads in once it runs.",
    "环境仍在启动；端口已保留，运行后即可使用。",
  ],
  ["The environment is still starting.", "环境仍在启动。"],
  [
    "The environment is {status:said}; the port is kept and leads in while it runs.",
    "环境当前为“{status}”；端口已保留，运行时可用。",
  ],
  ["The environment is {status:said}. Start it: {command}", "环境当前为“{status}”。启动命令：{command}"],
  ["Not in the image: {what:said}.", "镜像中缺少：{what}。"],
  ["it has no SSH server of its own, which the order asks for", "没有自带的 SSH 服务，而订单要求使用它"],
  ["it has no {name}", "没有 {name}"],
  [
    "The host's agent is too old to see whether something answers on port {port}.",
    "主机的代理程序版本过旧，无法确认端口 {port} 是否有响应。",
  ],
  ["The host's agent is too old: it cannot {what}.", "主机的代理程序版本过旧：{what}。"],
  [
    "It was started before its host's agent served SSH; restart it to be served.",
    "它启动时主机的代理程序还不提供 SSH；重启后即可使用。",
  ],
  ["{why:said} Renew the access to take another.", "{why}请更新访问以获取新端口。"],
  ["{why:said} The next start takes another.", "{why}下次启动会分配新端口。"],
  ["The port was released.", "端口已释放。"],
  ["The port is being released.", "端口正在释放。"],
  ["Its host has released it.", "主机已将其释放。"],
  ["Nobody used it for {hours} hours.", "{hours} 小时内无人使用。"],
  ["The environment was placed on another host.", "环境已安排到另一台主机。"],
  ["Nothing answers yet. {why}", "尚无响应。{why}"],
  [
    "Still starting: its host has not seen yet whether something answers on port {port}.",
    "仍在启动：主机尚未确认端口 {port} 是否有响应。",
  ],
  [
    "{what} is switched off for this environment; switch it on, and restart the environment.",
    "该环境已关闭 {what}；请开启并重启环境。",
  ],
  [
    "{service} gets no port of its own: plain HTTP is not allowed here.",
    "{service} 没有自己的端口：此处不允许明文 HTTP。",
  ],
  [
    "There is no web side here, since no WEB_DOMAIN is set. From your machine: {command}",
    "此处没有网页入口，因为未设置 WEB_DOMAIN。可在您的电脑上运行：{command}",
  ],
  [
    "Where host {host} is reached is not confirmed, so nobody is sent to the port. {instead:said}",
    "主机 {host} 的地址尚未确认，因此不提供该端口的地址。{instead}",
  ],
  [
    "Host {host} lets nobody in from outside its network, so the port leads nowhere from there. {instead:said}",
    "主机 {host} 不允许从其网络之外进入，因此端口在外部不可用。{instead}",
  ],
  ["`remotegpu ssh` goes through the gateway.", "`remotegpu ssh` 可经网关进入。"],
  ["`remotegpu port-forward` leads there through the gateway.", "`remotegpu port-forward` 可经网关到达。"],
  [
    "`remotegpu open ENVIRONMENT rdp` leads there through the gateway, for as long as it is left open.",
    "`remotegpu open ENVIRONMENT rdp` 在打开期间可经网关到达。",
  ],
  ["No gateway leads there either, since no WEB_DOMAIN is set.", "也没有网关可到达，因为未设置 WEB_DOMAIN。"],

  // Jobs.
  ["Rank {rank}: {why:said}", "进程 {rank}：{why}"],
  [
    "{why:said} Attempt {attempt} follows in {seconds} seconds on another host (retry {used} of {allowed}).",
    "{why}第 {attempt} 次尝试将在 {seconds} 秒后在另一台主机上进行（重试 {used}/{allowed}）。",
  ],
  ["Placed on {where}, free of charge: {what:said}", "已安排到 {where}，不计费：{what}"],

  // Services.
  ["Scaled to zero: no replica is wanted.", "已缩减到零：不需要副本。"],
  ["{serving} of {wanted} replicas serve.", "{wanted} 个副本中有 {serving} 个可提供服务。"],
  ["{why:said} Another one is made in its place after a pause.", "{why}稍后会在原处另建一个。"],
  ["{why:said} Another one takes the place of replica {rank}.", "{why}另一个将取代副本 {rank}。"],
  ["Replica {rank} was stopped.", "副本 {rank} 已停止。"],
  ["Replica {rank} is lost with its host {host}.", "副本 {rank} 随主机 {host} 丢失。"],
  [
    "Host {host} of replica {rank} has not been heard for {minutes} minutes.",
    "{minutes} 分钟未收到副本 {rank} 所在主机 {host} 的消息。",
  ],
  ["The service was stopped.", "服务已停止。"],
  ["The service is in error.", "服务处于错误状态。"],
  ["Scaled to {count} by {actor}.", "由 {actor} 调整为 {count} 个副本。"],
  ["Scaled down to {count}.", "已缩减到 {count} 个。"],
  ["A request woke it.", "由请求唤醒。"],
  ["Version {next} takes its place.", "由版本 {next} 取代。"],
  ["Version {next} replaces {old} once a replica is wanted.", "需要副本时，版本 {next} 将取代 {old}。"],
  ["Version {next} is to replace {old}.", "版本 {next} 将取代 {old}。"],
  ["Version {next} has replaced {old}.", "版本 {next} 已取代 {old}。"],
  [
    "Version {next} is taken back, and {old} takes its place: {why:said}",
    "版本 {next} 已撤回，由 {old} 取代：{why}",
  ],
  [
    "Version {next} was taken back, and {old} serves as before: {why:said}",
    "版本 {next} 已撤回，{old} 照常提供服务：{why}",
  ],
  ["It was called off.", "已取消。"],
  ["Autoscaling is off.", "自动伸缩已关闭。"],
  [
    "The service scales by itself: pause that first (POST /inference-services/{id}/pause), or change its bounds.",
    "服务正在自动伸缩：请先暂停（POST /inference-services/{id}/pause），或修改其范围。",
  ],

  // Refusals of every kind.
  ["NATS does not answer; hosts are not heard.", "NATS 没有响应；收不到主机的消息。"],
  ["{what} has not run yet, so nothing was written.", "{what} 尚未运行，没有输出。"],
  ["No last lines of this run are stored.", "没有保存这次运行的最后几行。"],
  ["You may not read this any more.", "您已无权读取。"],
];
