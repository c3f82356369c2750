// Answers with what it reads: facts_test.go says which number is what.
package main

import "filter/suodi"

func init() { suodi.Handle(decide) }

func main() {}

func number(n uint64) suodi.Verdict { return suodi.Deny(uint32(n ^ n>>24 ^ n>>48)) }

func text(t string) suodi.Verdict {
	h := uint32(2166136261)
	for i := range len(t) {
		h = (h ^ uint32(t[i])) * 16777619
	}
	return suodi.Deny(h)
}

func maybe(t string, ok bool) suodi.Verdict {
	if !ok {
		return suodi.Deny(0xabcdef)
	}
	return text(t)
}

func truth(ok bool) suodi.Verdict {
	if ok {
		return number(1)
	}
	return number(0)
}

func decide(v *suodi.Visit) suodi.Verdict {
	switch v.ParamInt("read", -1) {
	case 0:
		return number(uint64(v.Facts()))
	case 1:
		return number(uint64(v.Platform()))
	case 2:
		return number(uint64(v.OS()))
	case 3:
		return number(uint64(v.OSMajor()))
	case 4:
		return number(uint64(v.BrowserMajor()))
	case 5:
		return number(uint64(v.Device()))
	case 6:
		return truth(v.Bot())
	case 7:
		return number(uint64(v.Weekday()))
	case 8:
		return number(uint64(v.Hour()))
	case 9:
		year, month, day := v.Date()
		return number(uint64(year*10000 + month*100 + day))
	case 10:
		return text(v.Country())
	case 11:
		return number(uint64(v.Time()))
	case 12:
		return number(v.Hash())
	case 13:
		ip := v.IP().As16()
		return text(string(ip[:]))
	case 14:
		return truth(v.Platforms().Has(suodi.Platform(v.ParamInt("at", 0))))
	case 15:
		return truth(v.Platforms().Intersects(v.Allow()))
	case 16:
		return truth(v.Platforms().Intersects(v.Guard()))
	case 17:
		return text(v.Browser())
	case 18:
		return text(v.Region())
	case 19:
		return text(v.Language())
	case 20:
		return text(v.Host())
	case 21:
		return text(v.Slug())
	case 22:
		return text(v.Path())
	case 23:
		return text(v.Query())
	case 24:
		return text(v.Referrer())
	case 25:
		return text(v.UserAgent())
	case 26:
		return text(v.RequestedWith())
	case 27:
		return maybe(v.QueryValue("q"))
	case 28:
		return maybe(v.QueryValue("absent"))
	case 29:
		return maybe(v.ParamText("text"))
	case 30:
		return truth(v.ParamBool("yes", false))
	case 31:
		return text(v.Params())
	case 32:
		return suodi.Pass()
	case 33:
		return suodi.Allow()
	case 34:
		return suodi.Guide(7)
	case 35:
		url, _ := v.ParamText("text")
		return suodi.Route(url)
	case 36:
		return number(uint64(v.ParamInt("at", 0)))
	case 37:
		return number(uint64(v.ParamInt("text", 99)))
	case 38:
		return maybe(v.ParamText("absent"))
	}
	panic("nothing to read")
}
