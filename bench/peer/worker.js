// What an edge does, for workerd: look the path up, tell the app from the user
// agent, compare it with the link's guard set, redirect.
import text from "links.txt";

const guard = new Set(["dingtalk"]);
const links = new Map();
for (let at = 0; at < text.length;) {
  const end = text.indexOf("\n", at);
  const space = text.indexOf(" ", at);
  links.set(text.slice(at, space), { to: text.slice(space + 1, end), guard });
  at = end + 1;
}

const apps = [
  ["wecom", "wxwork/"], ["wechat", "MicroMessenger/"], ["dingtalk", "DingTalk"], ["alipay", "AlipayClient/"], ["taobao", "AliApp(TB"],
  ["qq", " QQ/"], ["weibo", "Weibo"], ["douyin", "aweme"], ["qqbrowser", "MQQBrowser"], ["uc", "UCBrowser"], ["quark", "Quark/"],
  ["bot", "bot"], ["bot", "spider"], ["bot", "externalhit"],
];

function platforms(agent) {
  const set = [];
  for (const [id, token] of apps) if (agent.includes(token)) { set.push(id); break; }
  if (set.length === 0) set.push("browser");
  if (agent.includes("iPhone") || agent.includes("iPad")) set.push("ios");
  else if (agent.includes("OpenHarmony")) set.push("harmonyos");
  else if (agent.includes("Android")) set.push("android");
  else if (agent.includes("Windows")) set.push("windows");
  else if (agent.includes("Macintosh")) set.push("macos");
  else set.push("otheros");
  set.push(agent.includes("Mobile") ? "mobile" : "desktop");
  return set;
}

export default {
  fetch(request) {
    const url = request.url;
    const link = links.get(url.slice(url.indexOf("/", 8)));
    if (!link) return new Response("no such link", { status: 404 });
    for (const id of platforms(request.headers.get("user-agent") || "")) {
      if (link.guard.has(id)) return new Response("open in your browser", { status: 200 });
    }
    return new Response(null, { status: 302, headers: { Location: link.to, "Cache-Control": "no-store" } });
  },
};
