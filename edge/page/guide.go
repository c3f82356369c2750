package page

// way is how a link gets from an app to a browser. Apps with equal ways share
// a guide.
type way struct {
	menu menu
	// chinese and english are the words of the menu's entry. Apps without an
	// English menu have the Chinese words in both.
	chinese, english string
}

// menu is where an app keeps the entry that opens a browser.
type menu uint8

const (
	topDots    menu = iota // ··· at the top right
	topStack               // ⋮ at the top right
	somewhere              // a menu whose place differs by version or system
	noMenu                 // none that we know of: the link is copied
	inABrowser             // the app is a browser itself: another is needed
)

const (
	openZh    = "在浏览器打开"
	openEn    = "Open in Browser"
	outsideEn = "Open in External Browser"
)

var (
	dotsMenu     = way{topDots, openZh, openEn}
	dotsZhOnly   = way{topDots, openZh, openZh}
	anyMenu      = way{somewhere, openZh, openEn}
	anyOutside   = way{somewhere, "在外部浏览器打开", outsideEn}
	copyOnly     = way{menu: noMenu}
	otherBrowser = way{menu: inABrowser}
)

// unknownApp is how a page calls a platform it has no name for.
var unknownApp = [languages]string{English: "this app", Chinese: "当前应用"}

// platforms are the apps whose words we know, by platform id. An id that is
// not here gets anyMenu. Menus change with versions; an app whose menu we are
// not sure of says so by its way, and every guide offers copying as well.
var platforms = []struct {
	id, chinese, english string
	way                  way
	general              bool // the name stands for no app in particular
}{
	{id: "wechat", chinese: "微信", english: "WeChat", way: dotsMenu},
	{id: "wecom", chinese: "企业微信", english: "WeCom", way: dotsMenu},
	{id: "qq", chinese: "QQ", english: "QQ", way: way{topDots, "用浏览器打开", openEn}},
	{id: "qzone", chinese: "QQ 空间", english: "Qzone", way: way{topDots, "用浏览器打开", "用浏览器打开"}},
	{id: "alipay", chinese: "支付宝", english: "Alipay", way: dotsMenu},
	{id: "dingtalk", chinese: "钉钉", english: "DingTalk", way: dotsMenu},
	{id: "weibo", chinese: "微博", english: "Weibo", way: dotsMenu},
	{id: "douyin", chinese: "抖音", english: "Douyin", way: dotsZhOnly},
	{id: "feishu", chinese: "飞书", english: "Lark", way: way{topDots, "在浏览器中打开", openEn}},
	{id: "toutiao", chinese: "今日头条", english: "Toutiao", way: dotsZhOnly},
	{id: "zhihu", chinese: "知乎", english: "Zhihu", way: dotsZhOnly},
	{id: "bilibili", chinese: "哔哩哔哩", english: "Bilibili", way: anyMenu},
	{id: "kuaishou", chinese: "快手", english: "Kuaishou", way: copyOnly},
	{id: "xiaohongshu", chinese: "小红书", english: "Xiaohongshu", way: copyOnly},
	{id: "taobao", chinese: "淘宝", english: "Taobao", way: copyOnly},

	{id: "tiktok", chinese: "TikTok", english: "TikTok", way: anyMenu},
	{id: "telegram", chinese: "Telegram", english: "Telegram", way: way{topStack, "在浏览器中打开", "Open in…"}},
	{id: "line", chinese: "LINE", english: "LINE", way: way{somewhere, "在默认浏览器中打开", "Open in default browser"}},
	{id: "facebook", chinese: "Facebook", english: "Facebook", way: anyOutside},
	{id: "messenger", chinese: "Messenger", english: "Messenger", way: anyOutside},
	{id: "instagram", chinese: "Instagram", english: "Instagram", way: anyOutside},
	{id: "threads", chinese: "Threads", english: "Threads", way: anyOutside},
	{id: "x", chinese: "X", english: "X", way: anyMenu},
	{id: "whatsapp", chinese: "WhatsApp", english: "WhatsApp", way: anyMenu},
	{id: "kakaotalk", chinese: "KakaoTalk", english: "KakaoTalk", way: anyMenu},
	{id: "naver", chinese: "NAVER", english: "NAVER", way: anyMenu},
	{id: "snapchat", chinese: "Snapchat", english: "Snapchat", way: anyMenu},
	{id: "linkedin", chinese: "领英", english: "LinkedIn", way: anyMenu},
	{id: "pinterest", chinese: "Pinterest", english: "Pinterest", way: anyMenu},

	{id: "baidu", chinese: "百度", english: "Baidu", way: otherBrowser},
	{id: "quark", chinese: "夸克", english: "Quark", way: otherBrowser},
	{id: "uc", chinese: "UC 浏览器", english: "UC Browser", way: otherBrowser},
	{id: "qqbrowser", chinese: "QQ 浏览器", english: "QQ Browser", way: otherBrowser},
	{id: "browser", chinese: "当前浏览器", english: "this browser", way: otherBrowser, general: true},
	{id: "webview", chinese: "当前应用", english: "this app", way: anyMenu, general: true},
	{id: "miniprogram", chinese: "当前小程序", english: "this mini program", way: copyOnly, general: true},
}

// guideWords are the words of one guide. Lead and Step come in halves around
// the platform's name and the drawn menu.
type guideWords struct {
	Arrow              bool // draw the arrow to the top right corner
	Title              string
	Lead, LeadEnd      string
	Menu, MenuName     string // the menu's sign, and what a screen reader says
	Step, StepEnd      string // empty = no steps but copying
	Choose, ChooseEnd  string
	Entry              string // the menu entry's words
	EntryLang          string // their language when it is not the page's
	Otherwise          string
	Copy, Done, Failed string
	Note               string
}

func (w way) words(lang Lang) guideWords {
	g := guideWords{Arrow: w.menu == topDots || w.menu == topStack, Menu: "···"}
	if w.menu == topStack {
		g.Menu = "⋮"
	}
	if lang == Chinese {
		w.wordsZh(&g)
	} else {
		w.wordsEn(&g)
	}
	return g
}

func (w way) wordsZh(g *guideWords) {
	g.Title = "请在浏览器中打开"
	g.Lead, g.LeadEnd = "这个链接需要用浏览器打开，不能直接在", "里打开。"
	g.MenuName = "三个点的菜单"
	g.Copy, g.Done, g.Failed = "复制链接", "已复制，请粘贴到浏览器的地址栏。", "没能复制，请长按上面的链接手动复制。"
	switch w.menu {
	case topDots, topStack:
		g.Step, g.StepEnd = "点右上角的", ""
	case somewhere:
		g.Step, g.StepEnd = "打开菜单", "（多在右上角）"
	case noMenu:
		g.Otherwise = "复制链接，再粘贴到浏览器地址栏："
		return
	case inABrowser:
		g.Title = "请换一个浏览器打开"
		g.Lead = "这个链接需要换一个浏览器，不能直接在"
		g.Otherwise = "复制链接，再粘贴到另一个浏览器地址栏："
		return
	}
	g.Choose, g.Entry = "选择", w.chinese
	g.Otherwise = "也可以复制链接，粘贴到浏览器地址栏："
	g.Note = "菜单里的文字可能因版本而略有不同。"
}

func (w way) wordsEn(g *guideWords) {
	g.Title = "Open this in a browser"
	g.Lead, g.LeadEnd = "This link needs a browser. It does not open inside ", "."
	g.MenuName = "three dots menu"
	g.Copy, g.Done, g.Failed = "Copy link", "Copied. Paste it into a browser’s address bar.", "Could not copy. Press and hold the link above to copy it."
	switch w.menu {
	case topDots, topStack:
		g.Step, g.StepEnd = "Tap ", " in the top right corner"
	case somewhere:
		g.Step, g.StepEnd = "Open the menu ", ", usually in the top right corner"
	case noMenu:
		g.Otherwise = "Copy the link and paste it into a browser’s address bar:"
		return
	case inABrowser:
		g.Title = "Open this in another browser"
		g.Lead = "This link needs another browser. It does not open in "
		g.Otherwise = "Copy the link and paste it into another browser’s address bar:"
		return
	}
	g.Choose, g.Entry = "Choose ", w.english
	if w.english == w.chinese {
		g.EntryLang, g.ChooseEnd = Chinese.String(), " (Open in browser)"
	}
	g.Otherwise = "Or copy the link and paste it into a browser’s address bar:"
	g.Note = "The menu’s words may differ a little between versions."
}
