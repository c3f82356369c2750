package peer

import (
	"bufio"
	"cmp"
	_ "embed" // for workerd's script
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// write writes a file of a server's.
func (s Setup) write(name string, content string) error {
	return os.WriteFile(filepath.Join(s.Dir, name), []byte(content), 0o600)
}

// writeLinks writes a line for each link.
func (s Setup) writeLinks(name, format string) (err error) {
	f, err := os.OpenFile(filepath.Join(s.Dir, name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	err = visitLinks(s.Links, func(path, location string) error {
		_, err := fmt.Fprintf(w, format, path, location)
		return err
	})
	return errors.Join(err, w.Flush())
}

func nginx() Server {
	return Server{
		Name: "nginx", WayOut: "apt-get install nginx-light", find: inPath("nginx", "/usr/sbin/nginx"),
		prepare: func(s Setup) ([]string, error) {
			secure := ""
			if s.Secure != "" {
				secure = fmt.Sprintf(`listen %s ssl backlog=4096;
		ssl_certificate %s; ssl_certificate_key %s;
		ssl_protocols TLSv1.3; ssl_ecdh_curve X25519; ssl_session_tickets on; ssl_session_cache shared:s:16m;`, s.Secure, s.Chain, s.Key)
			}
			config := fmt.Sprintf(`daemon off; master_process off; worker_processes 1; pid %[1]s/nginx.pid; error_log stderr crit;
worker_rlimit_nofile 65536;
events { worker_connections 32768; multi_accept on; }
http {
	access_log off; server_tokens off; keepalive_requests 1000000000; keepalive_timeout 75s; etag off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	map_hash_max_size %[2]d; map_hash_bucket_size 256;
	map $uri $to { include %[1]s/links.map; }
	server {
		listen %[3]s backlog=4096;
		%[4]s
		server_name %[5]s;
		location / {
			if ($to = "") { return 404; }
			return 302 $to;
		}
	}
}
`, s.Dir, max(2048, 2*s.Links), s.Plain, secure, Host)
			err := errors.Join(s.write("nginx.conf", config), s.writeLinks("links.map", "%s \"%s\";\n"))
			return []string{"-p", s.Dir, "-e", "stderr", "-c", filepath.Join(s.Dir, "nginx.conf")}, err
		},
	}
}

func haproxy() Server {
	return Server{
		Name: "haproxy", WayOut: "apt-get install haproxy", find: inPath("haproxy", "/usr/sbin/haproxy"),
		prepare: func(s Setup) ([]string, error) {
			secure := ""
			if s.Secure != "" {
				secure = fmt.Sprintf("bind %s ssl crt %s curves X25519 ssl-min-ver TLSv1.3 alpn http/1.1 backlog 4096", s.Secure, s.Cert)
			}
			config := fmt.Sprintf(`global
  nbthread 1
  maxconn 4096
  tune.ssl.cachesize 100000
defaults
  mode http
  timeout client 75s
  timeout http-request 10s
  timeout http-keep-alive 75s
  timeout connect 5s
  timeout server 5s
frontend redirects
  bind %s backlog 4096
  %s
  http-request set-var(txn.to) path,map_str(%s/links.map)
  http-request redirect location %%[var(txn.to)] code 302 if { var(txn.to) -m found }
  http-request return status 404
`, s.Plain, secure, s.Dir)
			err := errors.Join(s.write("haproxy.cfg", config), s.writeLinks("links.map", "%s %s\n"))
			return []string{"-db", "-f", filepath.Join(s.Dir, "haproxy.cfg")}, err
		},
	}
}

func caddy() Server {
	return Server{
		Name: "caddy", WayOut: "apt-get install caddy", Most: 1000, find: inPath("caddy"),
		Note: "its map is a list that is walked for every visit: it has 1,000 links, and all visits go to those",
		prepare: func(s Setup) ([]string, error) {
			secure := ""
			if s.Secure != "" {
				secure = fmt.Sprintf(`https://%s {
	tls %s %s {
		protocols tls1.3
		curves x25519
		alpn http/1.1
	}
	import redirects
}
`, listener(s.Secure), s.Chain, s.Key)
			}
			config := fmt.Sprintf(`{
	admin off
	auto_https off
	default_sni %[4]s
	log {
		level ERROR
	}
}
(redirects) {
	bind 127.0.0.1
	map {path} {to} {
		import %[1]s/links.map
	}
	redir {to} 302
}
http://%[2]s {
	import redirects
}
%[3]s`, s.Dir, listener(s.Plain), secure, Host)
			err := errors.Join(s.write("Caddyfile", config), s.writeLinks("links.map", "%s \"%s\"\n"))
			return []string{"run", "--adapter", "caddyfile", "--config", filepath.Join(s.Dir, "Caddyfile")}, err
		},
	}
}

// listener returns the port of an address with its colon: a site of Caddy's
// that answers every host.
func listener(address string) string { return address[strings.LastIndexByte(address, ':'):] }

//go:embed worker.js
var workerScript string

func workerd() Server {
	return Server{
		Name: "workerd", WayOut: "npm install workerd, and run in the same folder; or npm install -g workerd",
		find: inPath("workerd", "node_modules/.bin/workerd"),
		prepare: func(s Setup) ([]string, error) {
			secure := ""
			if s.Secure != "" {
				secure = fmt.Sprintf(`, ( name = "secure", address = "%s", service = "main", https = (
      options = (), tlsOptions = ( keypair = ( privateKey = embed "key.pem", certificateChain = embed "chain.pem" ), minVersion = tls1Dot3 ) ) )`, s.Secure)
				for from, name := range map[string]string{s.Key: "key.pem", s.Chain: "chain.pem"} {
					data, err := os.ReadFile(from)
					if err != nil {
						return nil, err
					}
					if err := s.write(name, string(data)); err != nil {
						return nil, err
					}
				}
			}
			config := fmt.Sprintf(`using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ ( name = "main", worker = (
    modules = [ ( name = "worker.js", esModule = embed "worker.js" ), ( name = "links.txt", text = embed "links.txt" ) ],
    compatibilityDate = "2024-09-01" ) ) ],
  sockets = [ ( name = "http", address = "%s", http = (), service = "main" )%s ]
);
`, s.Plain, secure)
			err := errors.Join(s.write("config.capnp", config), s.write("worker.js", workerScript), s.writeLinks("links.txt", "%s %s\n"))
			return []string{"serve", filepath.Join(s.Dir, "config.capnp")}, err
		},
	}
}

// BareCommand is the command of this program that answers every visit the same
// way; its arguments are the plain address, and for TLS another and the files
// of chain and key.
const BareCommand = "bare-server"

func bare(self string) Server {
	return Server{
		Name: "fasthttp", Constant: true, find: func() (string, error) { return self, nil },
		Note: "always the same Location, without looking anything up: the limit of what a Go server on fasthttp can do",
		prepare: func(s Setup) ([]string, error) {
			args := []string{BareCommand, s.Plain}
			if s.Secure != "" {
				args = append(args, s.Secure, s.Chain, s.Key)
			}
			return args, nil
		},
	}
}

// Another returns the kind of an edge of another version, to compare ours with.
func Another(program string) Server {
	s := suodi(program)
	s.Name, s.WayOut = "another", "" // it is told where it is
	s.find = func() (string, error) {
		_, err := os.Stat(program)
		return program, err
	}
	return s
}

func suodi(self string) Server {
	return Server{
		Name: "suodi", WayOut: "make build",
		find: func() (string, error) {
			beside := filepath.Join(filepath.Dir(self), "suodi-edge")
			if _, err := os.Stat(beside); !errors.Is(err, fs.ErrNotExist) {
				return beside, err
			}
			return inPath("suodi-edge")()
		},
		prepare: func(s Setup) ([]string, error) {
			data := filepath.Join(s.Dir, "data")
			// Nothing listens on port 1: the edge serves what it has on disk.
			args := []string{
				"--data", data, "--listen", s.Plain, "--admin", cmp.Or(s.Admin, "127.0.0.1:0"), "--upstream", "127.0.0.1:1", "--log-level", "error",
			}
			if s.Secure != "" {
				args = append(args, "--tls", s.Secure, "--certificates", s.Chain+":"+s.Key)
			}
			return args, Fill(filepath.Join(data, "table"), s.Links)
		},
	}
}
