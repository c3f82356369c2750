package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsSource string

// docsOperation is an operation as the docs page shows it.
type docsOperation struct {
	ID, Method, Path, Summary string
	Params                    []docsField
	Body, Answer              []docsField
}

type docsField struct {
	Name, Where, Type, Doc string
	Required               bool
}

type docsGroup struct {
	Name       string
	Operations []docsOperation
}

// docsPage shows the API's description as one page that needs nothing from
// elsewhere.
func docsPage(spec *huma.OpenAPI) http.Handler {
	page := template.Must(template.New("docs").Parse(docsSource))
	render := sync.OnceValue(func() []byte {
		var b bytes.Buffer
		if err := page.Execute(&b, struct {
			Title, Version string
			Groups         []docsGroup
		}{spec.Info.Title, spec.Info.Version, docsGroups(spec)}); err != nil {
			return []byte(err.Error())
		}
		return b.Bytes()
	})
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		_, _ = w.Write(render()) // a client that went away is nobody's error
	})
}

func docsGroups(spec *huma.OpenAPI) []docsGroup {
	var groups []docsGroup
	for path, item := range spec.Paths {
		for method, op := range map[string]*huma.Operation{
			"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete,
		} {
			if op == nil {
				continue
			}
			i := slices.IndexFunc(groups, func(g docsGroup) bool { return g.Name == op.Tags[0] })
			if i < 0 {
				i = len(groups)
				groups = append(groups, docsGroup{Name: op.Tags[0]})
			}
			groups[i].Operations = append(groups[i].Operations, showOperation(spec, method, path, op))
		}
	}
	slices.SortFunc(groups, func(a, b docsGroup) int { return strings.Compare(a.Name, b.Name) })
	for _, g := range groups {
		slices.SortFunc(g.Operations, func(a, b docsOperation) int {
			return strings.Compare(a.Path+a.Method, b.Path+b.Method)
		})
	}
	return groups
}

func showOperation(spec *huma.OpenAPI, method, path string, op *huma.Operation) docsOperation {
	shown := docsOperation{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary}
	for _, p := range op.Parameters {
		doc := p.Description
		if doc == "" && p.Schema != nil {
			doc = p.Schema.Description
		}
		shown.Params = append(shown.Params, docsField{Name: p.Name, Where: p.In, Type: typeOf(p.Schema), Doc: doc, Required: p.Required})
	}
	if op.RequestBody != nil {
		shown.Body = bodyFields(spec, op.RequestBody.Content)
	}
	for _, code := range []string{"200", "201"} {
		if answer := op.Responses[code]; answer != nil {
			shown.Answer = bodyFields(spec, answer.Content)
		}
	}
	return shown
}

func bodyFields(spec *huma.OpenAPI, content map[string]*huma.MediaType) []docsField {
	media := content["application/json"]
	if media == nil || media.Schema == nil {
		return nil
	}
	schema := resolve(spec, media.Schema)
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	var fields []docsField
	for _, name := range names {
		property := schema.Properties[name]
		fields = append(fields, docsField{
			Name: name, Type: typeOf(resolve(spec, property)), Doc: property.Description,
			Required: slices.Contains(schema.Required, name),
		})
	}
	return fields
}

func resolve(spec *huma.OpenAPI, schema *huma.Schema) *huma.Schema {
	if schema.Ref == "" {
		return schema
	}
	return spec.Components.Schemas.SchemaFromRef(schema.Ref)
}

func typeOf(schema *huma.Schema) string {
	switch {
	case schema == nil:
		return ""
	case schema.Type == "array" && schema.Items != nil && schema.Items.Type != "":
		return "list of " + schema.Items.Type
	case schema.Type == "array":
		return "list"
	case len(schema.Enum) > 0:
		var words []string
		for _, word := range schema.Enum {
			if s, ok := word.(string); ok {
				words = append(words, s)
			}
		}
		return strings.Join(words, " | ")
	case schema.Format != "":
		return schema.Type + " (" + schema.Format + ")"
	}
	return schema.Type
}
