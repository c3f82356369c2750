package control_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"suodi/control"
	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

// secretOf is the fleet's secret as a fresh edge hears it.
func secretOf(t testing.TB, s *control.Server) (secret []byte) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+s.FeedAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := feedpb.NewFeedClient(conn).Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Hello{Hello: &feedpb.Hello{
		EdgeId: "reader", RecordFormats: []uint32{link.RecordFormat},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range m.GetBucket().GetEntries() {
			if m.GetBucket().GetNumber() == feed.BucketChain && string(e.GetKey()) == feed.SecretKey {
				secret = e.GetValue()
			}
		}
		if m.GetSnapshotEnd() != nil {
			return secret
		}
	}
}

// pushRules stages a rule set that denies one platform.
func pushRules(t testing.TB, s *control.Server, name, platform string) {
	t.Helper()
	rules := "name: " + name + "\nrules:\n  - when: 'visit.platforms.intersects([\"" + platform + "\"])'\n    then: deny\n"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.APIURL()+"/v1/filters/"+name, strings.NewReader(rules))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.Token())
	r.Header.Set("Content-Type", "application/yaml")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("push %s: %d, %v", name, resp.StatusCode, err)
	}
}

// Two clusters have different secrets.
func TestSecretsDiffer(t *testing.T) {
	a, b := open(t, config(t.TempDir())), open(t, config(t.TempDir()))
	if string(secretOf(t, a)) == string(secretOf(t, b)) {
		t.Error("two clusters have one secret")
	}
}
