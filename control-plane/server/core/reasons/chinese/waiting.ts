import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { WAITING_CODES } from "../codes/waiting.ts";

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
});
