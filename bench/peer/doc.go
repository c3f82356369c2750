// Package peer runs redirect servers side by side on this machine, so that the
// same load can be put on each: Suodi's edge, nginx, HAProxy, Caddy, workerd
// and a bare fasthttp handler, which does nothing and so is the limit of what a
// Go server on fasthttp can do. Each answers the same links on one core. The
// package must not know how load is made or measured.
//
// What each is given:
//
//   - suodi: its table, every link with a guard set, so that the platform filter
//     looks at each visit; everything else as it comes.
//   - nginx: a map from path to address and return 302; one process.
//   - haproxy: a map file and http-request redirect; one thread.
//   - caddy: map and redir. Its map is a list that is walked for every visit, so
//     it gets 1,000 links only and the visits go to those.
//   - workerd: a script that looks the path up in a Map, tells the app from the
//     user agent and compares it with the link's guard set.
//   - fasthttp: always the same Location.
package peer
