import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { PRICE_CODES } from "../codes/prices.ts";

export const PRICE_CHINESE = messagesFor<typeof PRICE_CODES>()({
  "spec-unpriced": "规格 {spec} 没有价格",
  "spec-retired": "规格 {spec} 已停售，不能用于新订单",
  "spec-unknown": "没有规格 {spec}",
  "spec-not-sold": "{why}；{sold}",
  "no-spec-sold": "没有其他在售规格",
  "spec-sold": "在售的是 {spec}",
  "specs-sold": "在售的有 {specs} 和 {last}",
  "first-specs-sold": "在售的有 {specs}，另有 {unnamed} 个",
  "spec-without-shape": "规格 {spec} 尚未确定内容：需要管理员设置其所含资源",
  "order-beyond-spec": "{field} 超出规格 {spec} 所含",
  "spec-of-other-model": "规格 {spec} 仅适用于 {spec_gpu_model}，不适用于 {gpu_model}",
  "price-retired": "规格 {spec} 的 {line} 价格已停用，不能用于新的启动",
  "line-unpriced": "{line} 没有价格",
  "hour-beyond-maximum": "每小时费用 {hourly}，超过上限 {maximum}",
  "spec-of-another-model": "规格 {spec} 适用于 {gpu_model} 以外的 GPU 型号",
});
