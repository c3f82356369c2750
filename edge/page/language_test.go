package page_test

import (
	"strings"
	"testing"

	"suodi/edge/page"
)

func TestLanguage(t *testing.T) {
	tests := []struct {
		name, header string
		want         page.Lang
	}{
		{"absent", "", page.English},
		{"iPhone in China", "zh-CN,zh-Hans;q=0.9", page.Chinese},
		{"Chrome in China", "zh-CN,zh;q=0.9,en;q=0.8,en-GB;q=0.7,en-US;q=0.6", page.Chinese},
		{"WeChat on Android", "zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7", page.Chinese},
		{"Chrome in the US", "en-US,en;q=0.9", page.English},
		{"English before Chinese", "en-US,en;q=0.9,zh-CN;q=0.8", page.English},
		{"bare zh", "zh", page.Chinese},
		{"traditional", "zh-TW", page.Chinese},
		{"upper case", "ZH-cn;Q=1", page.Chinese},
		{"underscore", "zh_CN", page.Chinese},
		{"spaces and tabs", "  en ; q=0.5 ,\tzh-CN\t;\tq=0.6 ", page.Chinese},
		{"order does not beat quality", "en;q=0.4,zh;q=0.5", page.Chinese},
		{"third decimal", "en;q=0.998,zh;q=0.999", page.Chinese},
		{"equal quality, Chinese first", "zh,en", page.Chinese},
		{"equal quality, English first", "en,zh", page.English},
		{"best of several", "zh-TW;q=0.1,en;q=0.5,zh-CN;q=0.9", page.Chinese},
		{"another language first", "fr,zh;q=0.5,en;q=0.3", page.Chinese},
		{"only another language", "fr-FR,fr;q=0.9", page.English},
		{"another language and a little Chinese", "ja,zh;q=0.001", page.Chinese},
		{"anything", "*", page.English},
		{"anything but English", "en;q=0,*", page.Chinese},
		{"anything rather than English", "en;q=0.1,*;q=0.5", page.Chinese},
		{"anything rather than Chinese", "zh;q=0.1,*;q=0.5", page.English},
		{"Chinese rather than anything", "zh,*;q=0.1", page.Chinese},
		{"Chinese refused", "zh;q=0", page.English},
		{"both refused", "zh;q=0,en;q=0", page.English},
		{"Zhuang is not Chinese", "zha", page.English},
		{"one letter", "z", page.English},
		{"malformed weight is skipped", "zh;q=high,en;q=0.1", page.English},
		{"weight above one is skipped", "zh;q=1.001", page.English},
		{"too many decimals are skipped", "zh;q=0.9999", page.English},
		{"unknown parameter is skipped", "zh;level=1", page.English},
		{"empty weight is skipped", "zh;q=", page.English},
		{"trailing dot", "zh;q=1.,en;q=0.", page.Chinese},
		{"empty elements", ",,;,zh,,", page.Chinese},
		{"last range read", strings.Repeat("x,", 31) + "zh", page.Chinese},
		{"range beyond the limit", strings.Repeat("x,", 32) + "zh", page.English},
		{"bytes beyond the limit", strings.Repeat("x", 1024) + ",zh", page.English},
		{"cut inside a range", "en;q=0.1," + strings.Repeat(" ", 1009) + "zh;q=0.001", page.English},
		{"bytes that are no text", "\xff\x00zh,\x00", page.English},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := page.Language([]byte(test.header)); got != test.want {
				t.Errorf("Language(%q) = %v, want %v", test.header, got, test.want)
			}
		})
	}
}

func FuzzLanguage(f *testing.F) {
	f.Add([]byte("zh-CN,zh;q=0.9,en;q=0.8"))
	f.Add([]byte("*;q=0.1,;q,en;q=1.000"))
	f.Fuzz(func(t *testing.T, header []byte) {
		if got := page.Language(header); got > page.Chinese {
			t.Errorf("Language(%q) = %d", header, got)
		}
	})
}

func TestLanguageDoesNotAllocate(t *testing.T) {
	header := []byte("zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7,*;q=0.1")
	if n := testing.AllocsPerRun(100, func() { page.Language(header) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLanguage(b *testing.B) {
	header := []byte("zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7")
	b.ReportAllocs()
	for b.Loop() {
		page.Language(header)
	}
}
