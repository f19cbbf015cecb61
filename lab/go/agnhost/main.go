// Agnhost is the one program inside the lab's own containers: the sandbox's first process, a server
// that says who answers and whom it sees, and a client that times a path. It has no dependencies,
// so that it is a static file of a few megabytes.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage:
  agnhost pause
  agnhost serve [-tcp ADDRESS] [-udp ADDRESS] [-name NAME]
  agnhost dial [-count N] [-timeout DURATION] [-parallel] URL...

URLs of dial:
  tcp://HOST:PORT      one HTTP request on a new connection to a serve
  udp://HOST:PORT      one datagram to a serve and its answer
  icmp://HOST          an echo request
  dns://SERVER/NAME    a lookup over UDP; with ?tcp over TCP
  https://HOST/PATH    one request, certificate checked against the pod's service account
Queries: ?name=X the server must call itself X; ?seen=A it must see the client as address A;
?answer=A the name must resolve to A.`

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	var err error
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "pause":
		pause()
	case "serve":
		err = serve(args)
	case "dial":
		err = dial(args)
	default:
		fail(usage)
	}
	if err != nil {
		fail(err)
	}
}

// pause waits to be told to stop, and reaps what is left to it: in a pod that shares its process
// namespace it is the first process.
func pause() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
	}
}

func fail(reason any) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(1)
}
