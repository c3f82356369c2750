package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// chainReply is the chain as the API gives it.
type chainReply struct {
	Filters []string                   `json:"filters"`
	Params  map[string]json.RawMessage `json:"params"`
}

var getChain = call{method: http.MethodGet, path: "/v1/chain"}

func (c *cli) filterChain() *cobra.Command {
	var w waiting
	var set, params []string
	cmd := &cobra.Command{
		Use: "chain", Short: "Show or set the filters that every visit runs through", Args: wants(),
		Long: `Show or set the filters that every visit runs through, and the parameters that
they are given. A filter that --params does not name keeps what it has, and so
does a secret that is given as "***".`,
		Example: `  suodi filter chain
  suodi filter chain --set platform,campaign
  suodi filter chain --params campaign='{"limit": 3}'`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := parseBindings(cmd, "params", params)
			if err != nil {
				return err
			}
			request := getChain
			if cmd.Flags().Changed("set") || len(given) > 0 {
				if request, err = c.chainChange(cmd, list(set), given); err != nil {
					return err
				}
				request.query = w.query()
			}
			var chain chainReply
			got, err := c.do(cmd.Context(), request, &chain)
			if err != nil {
				return err
			}
			c.tellBehind(got)
			if c.json {
				return c.printReply(got)
			}
			for _, name := range chain.Filters {
				line := strings.TrimSpace(name + " " + string(chain.Params[name]))
				if _, err := fmt.Fprintln(c.stdout, printable(line)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&set, "set", nil, "`filters` from now on, in order, platform first, separated by commas")
	cmd.Flags().StringArrayVar(&params, "params", nil, "parameters of a filter, as `NAME={…}` with a JSON object; may be given again")
	complete(cmd, "set", cobra.NoFileCompletions)
	complete(cmd, "params", c.completeBindings)
	w.register(cmd)
	return cmd
}

// chainChange makes the request that changes the chain. Without a new order it
// is the one in force, if that is still so by then.
func (c *cli) chainChange(cmd *cobra.Command, filters []string, given []binding) (call, error) {
	request := call{method: http.MethodPut, path: getChain.path}
	if !cmd.Flags().Changed("set") {
		var chain chainReply
		got, err := c.do(cmd.Context(), getChain, &chain)
		if err != nil {
			return request, err
		}
		filters = chain.Filters
		request.header = http.Header{"If-Match": {got.header.Get("ETag")}}
	}
	params := map[string]json.RawMessage{}
	for _, b := range given {
		params[b.Name] = b.Params
	}
	request.body = map[string]any{"filters": filters, "params": params}
	return request, nil
}

// binding is a filter's name with parameters, as links have it.
type binding struct {
	Name   string          `json:"name"`
	Params json.RawMessage `json:"params,omitempty"`
}

// parseBindings reads the values of a flag that are NAME or NAME={…}. Empty ones
// are dropped, so that an empty flag means none.
func parseBindings(cmd *cobra.Command, flag string, values []string) ([]binding, error) {
	bindings := []binding{}
	for _, value := range values {
		name, params, given := strings.Cut(strings.TrimSpace(value), "=")
		if name == "" && !given {
			continue
		}
		b := binding{Name: strings.TrimSpace(name)}
		if given {
			var object map[string]json.RawMessage
			if err := json.Unmarshal([]byte(params), &object); err != nil || object == nil || b.Name == "" {
				return nil, wrongUse(cmd, `--%s %q: want NAME={…} with a JSON object, as in campaign='{"limit": 3}'`, flag, shorten(value, maxValue))
			}
			b.Params = json.RawMessage(params)
		}
		bindings = append(bindings, b)
	}
	return bindings, nil
}
