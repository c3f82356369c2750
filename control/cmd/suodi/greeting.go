package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// wechat is how a WeChat on Android introduces itself.
const wechat = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 " +
	"Mobile Safari/537.36 XWEB/1160065 MMWEBSDK/20231202 MicroMessenger/8.0.49.2600(0x28003133) WeChat/arm64 NetType/WIFI Language/zh_CN"

// greet prints what runs where and what to do with it.
func (d *dev) greet() error {
	edge := d.baseURL()
	token := d.node.Token()
	if d.json {
		return d.printJSON(map[string]string{
			"api": d.node.APIURL(), "edge": edge, "feed": d.node.FeedAddress(), "raft": d.ports.raft.address,
			"edge_admin": "http://" + d.ports.admin.address, "data": d.data, "token": token,
		})
	}
	s := d.styleOf(d.stdout)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", s.bold("Suodi is ready."))
	for _, line := range [][2]string{
		{"API", d.node.APIURL() + " (how to use it: " + d.node.APIURL() + "/docs)"},
		{"edge", edge + " (what visitors open)"},
		{"also", "feed " + d.node.FeedAddress() + ", Raft " + d.ports.raft.address + ", edge admin http://" + d.ports.admin.address},
		{"data", d.data},
		{"token", token},
	} {
		fmt.Fprintf(&b, "  %s  %s\n", s.dim(fmt.Sprintf("%-5s", line[0])), line[1])
	}
	fmt.Fprintf(&b, "\nMake a link that asks WeChat's visitors to open it in a browser, in another terminal:\n\n  %s\n",
		s.bold(d.firstCommand()))
	fmt.Fprintf(&b, "\nor through the API:\n\n  curl -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' \\\n"+
		"       -d '{\"url\":\"https://example.org/\",\"guard\":[\"wechat\"]}' '%s/v1/links?wait=edges'\n", token, d.node.APIURL())
	fmt.Fprintf(&b, "\nThen open the short link it prints, and see what WeChat gets instead:\n\n"+
		"  curl -i %s/SLUG\n  curl -i -A '%s' %s/SLUG\n", edge, wechat, edge)
	fmt.Fprintf(&b, "\nCtrl-C stops everything.\n")
	_, err := d.stdout.Write([]byte(b.String()))
	return err
}

// firstCommand makes a link when typed as it is where this program was started.
func (d *dev) firstCommand() string {
	command := ""
	if d.node.APIURL() != defaultAddr {
		command = "SUODI_ADDR=" + d.node.APIURL() + " "
	}
	if filepath.Clean(d.data) != defaultData {
		command += "SUODI_TOKEN=$(cat " + shellQuote(filepath.Join(d.data, tokenFile)) + ") "
	}
	return command + shellQuote(ownName()) + " link create https://example.org/ --guard wechat"
}

// ownName is how this program is called from the working directory.
func ownName() string {
	self, err := os.Executable()
	if err != nil {
		return "suodi"
	}
	here, err := os.Getwd()
	if err != nil {
		return self
	}
	near, err := filepath.Rel(here, self)
	switch {
	case err != nil || strings.HasPrefix(near, ".."+string(filepath.Separator)):
		return self
	case !strings.ContainsRune(near, filepath.Separator):
		return "." + string(filepath.Separator) + near
	}
	return near
}

// shellQuote quotes a word for a shell when it needs that.
func shellQuote(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~/:@%+,=", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
