package main

import (
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// Answer is what a server says of itself and of its client.
type Answer struct {
	Name   string `json:"name"`
	Client string `json:"client"`
}

// serve answers HTTP on one port and datagrams on another until it is told to stop.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	tcp := flags.String("tcp", ":8080", "HTTP: / says who answers, /healthz is empty")
	udp := flags.String("udp", ":8081", "a datagram back for every datagram")
	name := flags.String("name", "", "what the server calls itself (default: the host name)")
	_ = flags.Parse(args)
	if *name == "" {
		host, err := os.Hostname()
		if err != nil {
			return err
		}
		*name = host
	}
	packets, err := net.ListenPacket("udp", *udp)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *tcp)
	if err != nil {
		return err
	}
	ended := make(chan error, 3)
	go func() { ended <- datagrams(packets, *name) }()
	go func() { ended <- http.Serve(listener, handler(*name)) }()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() { <-signals; ended <- nil }()
	return <-ended
}

func handler(name string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer(name, r.RemoteAddr))
	})
	return mux
}

// datagrams answers from the address the datagram was sent to only where the socket has one:
// a server of several addresses must be given the one to listen on.
func datagrams(socket net.PacketConn, name string) error {
	buffer := make([]byte, 2048)
	for {
		_, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if _, err := socket.WriteTo(answer(name, from.String()), from); err != nil {
			continue // the client is gone or unreachable: the next one may not be
		}
	}
}

func answer(name, remote string) []byte {
	client, _, err := net.SplitHostPort(remote)
	if err != nil {
		client = remote
	}
	text, err := json.Marshal(Answer{Name: name, Client: client})
	if err != nil {
		return nil // two strings always marshal
	}
	return append(text, '\n')
}
