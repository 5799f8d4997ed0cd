/** Words of the frame around all pages. */
export default {
  product: "RemoteGPU",
  skip: "To the content",
  menu: "Menu",
  nav: {
    fleet: "Fleet",
    queue: "Queue",
    environments: "Environments",
    training: "Training",
    inference: "Inference",
    data: "Data",
    images: "Images",
    keys: "Keys",
    members: "Members",
    webhooks: "Webhooks",
    billing: "Billing",
    money: "Money",
    audit: "Audit",
    alarms: "Alarms",
    settings: "Settings",
  },
  group: { work: "Work", fleet: "Fleet", account: "Account", owner: "Owner" },
  account: {
    signedInAs: "Signed in as {{name}}",
    admin: "administrator",
    logout: "Log out",
    menu: "Account",
  },
  theme: { label: "Theme", light: "Light", dark: "Dark", auto: "As the system" },
  language: { label: "Language" },
  login: {
    title: "Log in",
    key: "API key",
    keyHint: "It begins with rgk_. It is exchanged for a session of this browser and not stored.",
    submit: "Log in",
    ticket: "Logging in with the link…",
    elsewhere: "`remotegpu dashboard` prints a link that logs in once.",
    signOn: {
      button: "Sign in with {{name}}",
      or: "or with an API key",
      busy: "Signing in…",
      invited: "You are invited: sign in with {{name}}, and your identity there opens your account here.",
      away: "{{name}} does not answer at the moment. A key logs in all the same.",
      refused: {
        away: "The identity provider does not answer. Log in with a key, or try again later.",
        other: "The login could not begin. Try again, or log in with a key.",
      },
    },
    stay: "Go on as {{name}}",
    tooMany: "Too many requests came from your network address. Wait a moment and try again.",
    ended: {
      expired: "Your session has ended: its time was over. Log in again, and this page is back.",
      ended:
        "Your session has ended: it was logged out from another browser of your account, or with one of its keys. Log in again, and this page is back.",
      "crowded-out":
        "Your session has ended: your account has logged in in a hundred browsers since. Log in again, and this page is back.",
      "key-ended":
        "Your session has ended with its key, which was revoked or has expired. Log in with another key, and this page is back.",
      doubled:
        "Your browser sends two sessions, so neither is taken. Remove this site's cookies, then log in again.",
      unknown: "Your session has ended. Log in again, and this page is back.",
    },
    typed: {
      empty: "Type your API key, or paste it.",
      notWhole: "This is not a whole key: after rgk_ there are 43 letters, digits, - or _.",
      ofService: "This is the key of an inference service. An API key begins with rgk_.",
      ofHost: "This is the token that joins a host. An API key begins with rgk_.",
      ssh: "This is an SSH key. An API key begins with rgk_.",
      other: "This is not an API key: one begins with rgk_ and has 43 more letters, digits, - or _.",
    },
    refused: {
      "key-unknown":
        "This key opens nothing at {{server}}: it was revoked, or it is the key of another server. Compare the address.",
      "key-expired": "This key has expired. Make another one with a key that still opens the account.",
      "ticket-spent":
        "This link does not log in any more: it was used, or its time is over. `remotegpu dashboard` prints another one.",
      "account-suspended":
        "This account is suspended: its keys open nothing until whoever runs this installation opens it again. Contact them. Another account can log in here.",
    },
  },
  search: {
    open: "Find",
    placeholder: "Find a name or an id",
    hint: "Type at least two characters.",
    none: "Nothing has this in its name or id.",
    asking: "Searching…",
    kind: {
      environment: "environment",
      training: "training job",
      inference: "inference service",
      host: "host",
      customer: "customer",
      dataset: "dataset",
      model: "model",
    },
  },
  away: {
    server: "The server has not answered since {{since}}. This page is from before then.",
    degraded: "Not all works:",
  },
  debt: {
    overdue:
      "The account's money is used up: nothing new starts, and at the next full hour what runs is stopped, unless a payment comes before.",
    suspended:
      "The account's money is used up: what ran was stopped, and nothing starts. What is stored stays. A payment, which whoever runs this installation enters, makes the account normal again.",
    bill: "Balance and bill",
  },
  notFound: {
    title: "Not found",
    text: "There is nothing at this address, or it is not yours.",
    home: "To the first page",
  },
  broken: { title: "This page failed", text: "The rest goes on.", again: "Try again" },
} as const;
