/** What checks of values that several messages share say; their English stands beside their codes. */
import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { VALUE_CODES } from "@remotegpu/shared/values/value-failure";

export const VALUE_CHINESE = messagesFor<typeof VALUE_CODES>()({
  "text-malformed": "必须为合法文本，且不含 U+0000",
  "text-with-control-characters": "不得含有控制字符",
  "text-with-outer-blanks": "开头和结尾不得为空白",
  "env-var-name-malformed": "必须为由字母、数字和 _ 组成的名称",
  "env-var-name-reserved": "是产品的保留名称",
  "env-vars-too-many": "最多 {max_variables} 个变量",
  "env-vars-too-large": "总共最多 {max_bytes} 字节",
  "sha256-malformed": "必须为十六进制的 SHA-256",
  "request-path-malformed": "必须以一个 / 开头，且为不含空格的可打印 ASCII",
  "request-path-with-fragment": "不得含有 # 或 \\",
  "request-path-with-dots": "不得含有 . 或 .. 这样的部分",
  "pool-path-outside": "必须在存储池之内",
});
