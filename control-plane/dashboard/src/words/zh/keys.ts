import type { SameKeys } from "../same-keys.ts";
import type en from "../en/keys.ts";

const words: SameKeys<typeof en> = {
  title: "密钥",
  name: "名称",
  made: "创建时间",
  acts: "操作",
  remove: "移除",
  ssh: {
    title: "SSH 密钥",
    definition: "可进入您的环境以及您有权进入的工作空间环境的公钥。",
    empty: "还没有。添加后即可通过 SSH 进入。",
    fingerprint: "指纹",
    add: "添加 SSH 密钥",
    key: "公钥",
    keyHint: "例如 ~/.ssh/id_ed25519.pub 文件中的那一行",
    removeTitle: "移除 SSH 密钥 {{name}}？",
    removeStops: "它不能再打开任何环境；由它打开的会话会结束",
    removeKeeps: "他人留在环境内的内容：请重启不希望其返回的环境",
  },
  api: {
    title: "API 密钥",
    definition: "供程序、命令行和浏览器使用。密钥本身只在创建时显示一次。",
    empty: "还没有。",
    prefix: "开头",
    scopes: "权限范围",
    scopesHint: "read、orders、money 中的若干项；留空则与当前密钥相同",
    used: "最近使用",
    ends: "有效期至",
    endsHint: "留空则与当前密钥相同",
    never: "被撤销为止",
    make: "创建 API 密钥",
    once: "它能打开其权限范围内的一切，此后无法再次显示。",
    revoke: "撤销",
    revokeTitle: "撤销 API 密钥 {{name}}？",
    revokeStops: "使用它的程序和浏览器：从现在起无法再访问",
    revokeKeeps: "用它下的所有订单",
    revokeCharged: "正在运行的任务，不论由谁下单",
  },
};
export default words;
