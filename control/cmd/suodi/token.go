package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const tokensPath = "/v1/tokens"

// tokensReply is the tokens as the API gives them.
type tokensReply struct {
	Tokens []struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		CreatedAt time.Time `json:"created_at"`
		CreatedBy string    `json:"created_by"`
	} `json:"tokens"`
}

func (c *cli) tokenCommand() *cobra.Command {
	cmd := c.remote(group("token", "Make, list and revoke API tokens", "Make, list and revoke API tokens, or show the admin token of a data folder."))
	cmd.AddCommand(c.tokenCreate(), c.tokenList(), c.tokenRevoke(), c.tokenShow())
	return cmd
}

func (c *cli) tokenCreate() *cobra.Command {
	return &cobra.Command{
		Use: "create NAME", Short: "Make a token and print it; it is shown this once", Args: wants("the token's name"),
		Long:              "Make a token and print it. NAME says what it is for. The token is shown this once: only its hash is kept.",
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			var made struct {
				ID    string `json:"id"`
				Name  string `json:"name"`
				Token string `json:"token"`
			}
			got, err := c.do(cmd.Context(), call{
				method: http.MethodPost, path: tokensPath, body: map[string]string{"name": args[0]}, once: true,
			}, &made)
			if err != nil {
				return err
			}
			if c.json {
				return c.printReply(got)
			}
			if _, err := fmt.Fprintln(c.stdout, made.Token); err != nil {
				return err
			}
			c.say("made token %s; keep it now, it is not shown again; `suodi token revoke %s` ends it", made.ID, made.ID)
			return nil
		},
	}
}

func (c *cli) tokenList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tokens", Args: wants(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list tokensReply
			got, err := c.do(cmd.Context(), call{method: http.MethodGet, path: tokensPath}, &list)
			if err != nil {
				return err
			}
			if c.json {
				return c.printReply(got)
			}
			var rows [][]string
			for _, t := range list.Tokens {
				rows = append(rows, []string{t.ID, t.Name, localTime(t.CreatedAt), t.CreatedBy})
			}
			return c.newTable("ID", "NAME", "CREATED", "BY").write(rows)
		},
	}
}

func (c *cli) tokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "Revoke a token", Args: wants("the token's id (`suodi token list`)"), ValidArgsFunction: c.completeTokens,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := c.do(cmd.Context(), call{method: http.MethodDelete, path: tokensPath + "/" + url.PathEscape(args[0])}, nil)
			if err == nil && !c.json {
				c.say("revoked token %s", args[0])
			}
			return err
		},
	}
}

func (c *cli) tokenShow() *cobra.Command {
	data := ""
	cmd := &cobra.Command{
		Use: "show", Short: "Print the admin token of a control plane's data folder", Args: wants(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			path := filepath.Join(data, tokenFile)
			text, err := os.ReadFile(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return fmt.Errorf("there is no admin token in %s; name the control plane's data folder with --data, or start one with `suodi dev`", data)
			case err != nil:
				return fmt.Errorf("admin token: %w; only who runs the control plane may read it", err)
			}
			token := strings.TrimSpace(string(text))
			if c.json {
				return c.printJSON(map[string]string{"token": token})
			}
			_, err = fmt.Fprintln(c.stdout, token)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData, "data `folder` of the control plane")
	_ = cmd.MarkFlagDirname("data") // fails only for a flag that is not there
	return cmd
}
