package page

// message is the words of a page that only tells.
type message struct {
	Title string // also the heading
	Text  string // what is the case
	Hint  string // what the visitor can do
	From  string // stands before the platform's name; empty = not shown
	Note  bool   // whether a reason is shown
}

// messages are the words of every kind but Guide. They say what is the case
// and blame nobody; Expired must fit links that expired, were archived or used
// up, and BadRequest must fit 400, 414 and 431.
var messages = [kinds][languages]message{
	Refused: {
		English: {
			Title: "This link is not open here",
			Text:  "Its publisher has limited where it can be opened, and this visit is outside those limits.",
			Hint:  "Try another app or device, or ask whoever gave you the link.",
			From:  "This visit came from ",
			Note:  true,
		},
		Chinese: {
			Title: "这个链接在这里打不开",
			Text:  "发布者限定了它可以在哪里打开，这次访问不在范围之内。",
			Hint:  "可以换一个应用或设备再试，或询问给你链接的人。",
			From:  "这次访问来自：",
			Note:  true,
		},
	},
	NotFound: {
		English: {
			Title: "There is no such link",
			Text:  "The address may be mistyped, or the link may have been removed.",
			Hint:  "Check the address, or ask whoever gave it to you.",
		},
		Chinese: {
			Title: "没有这个链接",
			Text:  "地址可能输错了，也可能链接已被删除。",
			Hint:  "请核对地址，或询问给你链接的人。",
		},
	},
	Paused: {
		English: {
			Title: "This link is paused",
			Text:  "Its publisher has switched it off for now.",
			Hint:  "Try again later, or ask whoever gave you the link.",
		},
		Chinese: {
			Title: "这个链接已暂停",
			Text:  "发布者暂时停用了它。",
			Hint:  "可以过些时候再试，或询问给你链接的人。",
		},
	},
	Expired: {
		English: {
			Title: "This link has ended",
			Text:  "It has expired, been used up or been archived.",
			Hint:  "Ask whoever gave it to you for a new one.",
		},
		Chinese: {
			Title: "这个链接已失效",
			Text:  "它已经过期、用完了次数，或被归档。",
			Hint:  "可以向给你链接的人要一个新的。",
		},
	},
	Banned: {
		English: {
			Title: "This link has been banned",
			Text:  "The operator of this service has stopped it from being opened.",
			Hint:  "If you think this is a mistake, tell whoever gave you the link.",
			Note:  true,
		},
		Chinese: {
			Title: "这个链接已被封禁",
			Text:  "本服务的管理者停止了对它的访问。",
			Hint:  "如果你认为有误，请告诉给你链接的人。",
			Note:  true,
		},
	},
	Unavailable: {
		English: {
			Title: "Not available right now",
			Text:  "This link cannot be opened at the moment.",
			Hint:  "Wait a little, then reload this page.",
		},
		Chinese: {
			Title: "暂时无法打开",
			Text:  "现在打不开这个链接。",
			Hint:  "请稍等片刻，再刷新这个页面。",
		},
	},
	BadRequest: {
		English: {
			Title: "This request could not be read",
			Text:  "It is too long, or not well formed.",
			Hint:  "Go back to where you found the link and open it again.",
		},
		Chinese: {
			Title: "无法识别这个请求",
			Text:  "它太长，或格式不正确。",
			Hint:  "请回到链接的来处，重新打开一次。",
		},
	},
	Root: {
		English: {
			Title: "Nothing here",
			Text:  "This domain opens short links. It has no page of its own.",
			Hint:  "To open a link, enter its whole address.",
		},
		Chinese: {
			Title: "这里没有内容",
			Text:  "这个域名用来打开短链接，本身没有页面。",
			Hint:  "要打开链接，请输入它的完整地址。",
		},
	},
	TooMany: {
		English: {
			Title: "Too many requests",
			Text:  "More requests came from your network in a short time than this service answers.",
			Hint:  "Wait a little, then open the link again.",
		},
		Chinese: {
			Title: "请求过于频繁",
			Text:  "短时间内，来自你所在网络的请求超过了本服务的限度。",
			Hint:  "请稍等片刻，再打开链接。",
		},
	},
}
