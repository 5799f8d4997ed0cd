import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { HOST_CODES } from "../codes/host.ts";

export const HOST_CHINESE = messagesFor<typeof HOST_CODES>()({
  "host-revoked-for-good": "主机 {host_id} 已被吊销，不能再提供服务。",
  "host-key-revoked": "此主机已被吊销。",
  "join-token-reused": "此加入令牌已被另一台主机使用。管理员会看到相应告警。",
  "join-proof-wrong": "不是此密钥对令牌的签名",
  "challenge-unanswered": "没有回应我们仍有效的质询",
  "access-proof-wrong": "不是此密钥对访问密钥的签名",
  "host-generation-behind": "主机 {host_id} 尚未到达第 {generation} 代。",
  "host-address-differs": "主机 {host_id} 报告的地址为 {address}，与此不同。",
  "host-address-unusable": "这种地址不是主机的地址：{detail}",
  "host-occupied": "主机 {host_id} 上有 {instances} 个实例。请先排空它，若机器已不存在则使用 lost=true。",
  "host-pool-to-name": "必须指定：主机报告的不是存储池的名称",
  "cves-not-waived": "主机 {host_id} 上没有豁免。",
  "cves-none-open": "主机 {host_id} 上没有已知的未修复 CVE。",
  "cve-not-open": "{cve} 在此主机上不是未修复的",
  "release-none-served": "该服务器不提供代理程序的任何版本。",
  "release-not-served": "不是该服务器提供的版本，该服务器提供的是 {release_version}",
  "fleet-upgrade-open": "到 {release_version} 的升级尚未结束。请中止它，或等待它完成。",
  "fleet-upgrade-not-open": "没有正在进行的集群升级。",
  "fleet-upgrade-is": "该升级的状态是 {upgrade_state}。",
  "fleet-upgrade-no-host": "这些主机现在都无法升级：收不到其消息、拒绝该版本，或其代理程序无法自行升级。",
  "fleet-upgrade-host-unknown": "包含主机 {host_id}，它不在集群中",
});
