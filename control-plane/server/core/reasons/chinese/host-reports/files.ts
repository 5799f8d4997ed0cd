import type {
  FILE_REQUEST_CODES,
  FILE_UPLOAD_CODES,
  POOL_FILE_CODES,
  SEALED_FILE_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/files";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const POOL_FILE_CHINESE = messagesFor<typeof POOL_FILE_CODES>()({
  "pool-file-missing": "没有这个文件或文件夹。",
  "pool-path-through-file": "路径中有一部分不是文件夹。",
  "pool-link-leaves-folder": "这是一个指向其文件夹之外或已失效的链接。",
  "pool-file-is-folder": "这是一个文件夹。",
  "pool-path-too-long": "路径过长。",
  "pool-path-being-renamed": "路径中的内容一直在被重命名。",
  "pool-file-not-plain": "这既不是文件也不是文件夹。",
  "pool-folder-in-place": "已有同名的文件夹。",
  "pool-folder-being-written": "一直有程序在向其中写入。",
  "pool-disk-full": "存储池的磁盘已满。",
  "pool-disk-too-small": "存储池的磁盘没有足够的空间。",
  "pool-quota-exhausted": "存储池文件系统的配额已用尽。",
  "pool-read-only": "存储池不接受写入。",
  "pool-failing": "该主机的存储池发生故障。",
  "host-open-files-too-many": "该主机上打开的文件过多。",
});

export const FILE_REQUEST_CHINESE = messagesFor<typeof FILE_REQUEST_CODES>()({
  "file-request-unknown": "该主机的代理程序不认识此请求。",
  "file-path-leaves-folder": "路径超出其文件夹。",
  "file-path-without-name": "路径没有指定文件。",
  "file-path-not-removable": "路径没有指定可以删除的内容。",
  "file-folder-not-removable": "文件夹没有指定可以删除的内容。",
  "file-folder-reserved": "该文件夹不可访问。",
  "file-page-limit-malformed": "limit 不是有效的每页数量。",
  "file-parameter-not-base64url": "{parameter} 不是 base64url。",
  "file-parameter-not-whole": "{parameter} 不是整数。",
  "file-parameter-not-sha256": "{parameter} 不是 SHA-256。",
  "pool-proof-name-malformed": "name 不是证明的名称。",
  "pool-proof-nonce-malformed": "这不是随机数（nonce）。",
});

export const FILE_UPLOAD_CHINESE = messagesFor<typeof FILE_UPLOAD_CODES>()({
  "upload-broken-off": "传输中断。",
  "upload-differs-unwritten": "收到的内容与其校验和不符；没有写入任何内容。",
  "upload-part-differs": "收到的内容与其校验和不符；请重新上传该分块。",
  "upload-part-too-long": "超出一个分块或该文件的长度。",
  "upload-not-open": "目前没有向该处进行的上传。",
  "upload-replaced": "期间已开始另一次上传。",
  "upload-being-checked": "内容已全部到达，正在检查。",
  "upload-without-parts": "尚无任何内容。",
  "upload-incomplete": "内容尚未全部到达；请再次上传以继续。",
  "upload-gone": "已无任何内容；请重新上传。",
  "upload-differs": "内容与其校验和不符；请重新上传。",
  "upload-name-occupied": "其目标旁的名称一直被其他内容占用。",
  "host-checks-too-many": "该主机正在进行的检查过多。",
  "host-checksums-too-many": "该主机正在计算的校验和过多。",
});

export const SEALED_FILE_CHINESE = messagesFor<typeof SEALED_FILE_CODES>()({
  "sealed-file-missing": "该版本中没有这个文件。",
  "sealed-part-missing": "该文件没有这个分块。",
  "sealed-lists-missing": "该版本没有分块列表。",
  "sealed-lists-differ": "该版本的列表与封存时不同。",
  "file-list-missing": "缺少其文件列表。",
  "file-list-replaced": "其文件列表已被替换。",
  "file-list-unreadable": "文件列表中有一行无法读取。",
  "file-list-unordered": "文件列表没有按遍历顺序排列，或有一行没有指定文件。",
  "file-list-contradicted": "与其列表不符：{fault}。",
  "file-list-contradicted-often": "与其列表不符：{fault}，另有 {more} 个文件不符。",
  "listed-file-missing": "缺少 {path}",
  "listed-file-not-plain": "{path} 不是文件",
  "listed-file-size-differs": "{path} 有 {found_bytes} 字节，而列表中为 {listed_bytes} 字节",
  "listed-file-differs": "{path} 的内容与其校验和不符",
});
