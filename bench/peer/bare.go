package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/valyala/fasthttp"
)

// ServeBare answers every visit on the addresses with the same redirect, until
// the context is done. Its arguments are those of BareCommand.
func ServeBare(ctx context.Context, args []string) error {
	if len(args) != 1 && len(args) != 4 {
		return errors.New("want an address, or two and the files of a certificate chain and its key")
	}
	location := []byte(Location + "000000")
	server := &fasthttp.Server{
		Name: "bare", NoDefaultServerHeader: true, NoDefaultContentType: true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.Response.SetStatusCode(fasthttp.StatusFound)
			ctx.Response.Header.SetBytesV(fasthttp.HeaderLocation, location)
			ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
		},
	}
	listeners := make([]net.Listener, 0, 2)
	plain, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	listeners = append(listeners, plain)
	if len(args) == 4 {
		certificate, err := tls.LoadX509KeyPair(args[2], args[3])
		if err != nil {
			return errors.Join(fmt.Errorf("certificate: %w", err), plain.Close())
		}
		secure, err := tls.Listen("tcp", args[1], &tls.Config{
			Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13,
			CurvePreferences: []tls.CurveID{tls.X25519}, NextProtos: []string{"http/1.1"},
		})
		if err != nil {
			return errors.Join(err, plain.Close())
		}
		listeners = append(listeners, secure)
	}
	errs := make([]error, len(listeners))
	var serving sync.WaitGroup
	for i, l := range listeners {
		serving.Go(func() { errs[i] = server.Serve(l) })
	}
	<-ctx.Done()
	err = server.Shutdown()
	serving.Wait()
	return errors.Join(append(errs, err)...)
}
