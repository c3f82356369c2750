package main

import (
	"bytes"
	"encoding/json"
	"net/url"

	"github.com/spf13/cobra"
)

// waiting is whether a command returns only when the edges have its change.
type waiting struct{ wait, noWait bool }

func (w *waiting) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.wait, "wait", true, "return when every connected edge has the change")
	cmd.Flags().BoolVar(&w.noWait, "no-wait", false, "return as soon as the change is kept")
}

// query returns the query of a call that waits, or does not.
func (w *waiting) query() url.Values {
	query := url.Values{}
	if w.wait && !w.noWait {
		query.Set("wait", "edges")
	}
	return query
}

// tellBehind says which edges did not get a change in time.
func (c *cli) tellBehind(got *reply) {
	if behind := got.behind(); behind != "" {
		c.say("suodi: the change is kept, but these edges do not have it yet: %s; `suodi fleet` shows how far they are", printable(behind))
	}
}

// printReply writes the API's own JSON, indented.
func (c *cli) printReply(got *reply) error {
	if len(got.body) == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(got.body), "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := c.stdout.Write(b.Bytes())
	return err
}
