package main

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// visitFlags are the flags that describe a visit.
type visitFlags struct {
	userAgent     string
	requestedWith string
	country       string
	ip            string
	language      string
	referrer      string
	query         string
	time          string
}

func (f *visitFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.userAgent, "ua", "", "the visitor's User-Agent, as `text`")
	flags.StringVar(&f.requestedWith, "requested-with", "", "X-Requested-With: the Android `package` of an app's built-in browser")
	flags.StringVar(&f.country, "country", "", "two `letters` of the visitor's country, as in CN")
	flags.StringVar(&f.ip, "ip", "", "the visitor's `address`")
	flags.StringVar(&f.language, "language", "", "the visitor's Accept-Language, as in `zh-CN`")
	flags.StringVar(&f.referrer, "referrer", "", "`URL` of the page that the visitor came from")
	flags.StringVar(&f.query, "query", "", "what stands behind the short link's question mark, as `text`")
	flags.StringVar(&f.time, "time", "", "`when` the visit comes: RFC 3339, 2026-12-31T18:00 or 18:00 (default now)")
	for _, name := range []string{"ua", "requested-with", "country", "ip", "language", "referrer", "query", "time"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
}

var countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)

// checkCountry returns the country in capitals; empty when none is given.
func (f *visitFlags) checkCountry(cmd *cobra.Command) (string, error) {
	country := strings.ToUpper(f.country)
	if country != "" && !countryPattern.MatchString(country) {
		return "", wrongUse(cmd, "--country %q is none; want two letters, as in CN", f.country)
	}
	return country, nil
}

// checkIP returns the address; the zero one when none is given.
func (f *visitFlags) checkIP(cmd *cobra.Command) (netip.Addr, error) {
	if f.ip == "" {
		return netip.Addr{}, nil
	}
	ip, err := netip.ParseAddr(f.ip)
	if err != nil || ip.Zone() != "" {
		return netip.Addr{}, wrongUse(cmd, "--ip %q is no address; want one like 203.0.113.7 or 2001:db8::7", f.ip)
	}
	return ip, nil
}

// checkTime returns when the visit comes. Times without a zone are meant in that
// of now.
func (f *visitFlags) checkTime(cmd *cobra.Command, now time.Time) (time.Time, error) {
	t, err := parseVisitTime(f.time, now)
	if err != nil {
		return t, wrongUse(cmd, "--time: %s", err)
	}
	return t, nil
}

func parseVisitTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse("15:04", text); err == nil {
		return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 0, 0, now.Location()), nil
	}
	return now, fmt.Errorf("%q is no time; want one like 2026-12-31T18:00:00+08:00, 2026-12-31T18:00 or 18:00", text)
}
