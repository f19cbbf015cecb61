package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"
)

const serviceAccountCA = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"

// Outcome is one line of dial's output.
type Outcome struct {
	URL string `json:"url"`
	// Microseconds is the median of the round trips; of a failed path 0.
	Microseconds int64  `json:"microseconds"`
	Error        string `json:"error,omitempty"`
}

// dial tries the URLs one after the other, so that they do not slow each other down, or all at once, and
// prints an outcome for each, in their order.
func dial(args []string) error {
	flags := flag.NewFlagSet("dial", flag.ExitOnError)
	count := flags.Int("count", 1, "round trips; all must succeed")
	timeout := flags.Duration("timeout", 2*time.Second, "for each round trip")
	parallel := flags.Bool("parallel", false, "all URLs at once")
	_ = flags.Parse(args)
	if flags.NArg() == 0 || *count < 1 {
		return errors.New(usage)
	}
	outcomes := make([]Outcome, flags.NArg())
	var all sync.WaitGroup
	for i, text := range flags.Args() {
		all.Go(func() { outcomes[i] = measure(text, *count, *timeout) })
		if !*parallel {
			all.Wait()
		}
	}
	all.Wait()
	failed := 0
	out := json.NewEncoder(os.Stdout)
	for _, outcome := range outcomes {
		if outcome.Error != "" {
			failed++
		}
		if err := out.Encode(outcome); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d failed", failed, len(outcomes))
	}
	return nil
}

func measure(text string, count int, timeout time.Duration) Outcome {
	target, err := url.Parse(text)
	if err != nil {
		return Outcome{URL: text, Error: err.Error()}
	}
	var took []time.Duration
	for range count {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		start := time.Now()
		err := roundTrip(ctx, target)
		took = append(took, time.Since(start))
		cancel()
		if err != nil {
			return Outcome{URL: text, Error: err.Error()}
		}
	}
	slices.Sort(took)
	return Outcome{URL: text, Microseconds: took[len(took)/2].Microseconds()}
}

func roundTrip(ctx context.Context, target *url.URL) error {
	switch target.Scheme {
	case "tcp":
		return tcp(ctx, target)
	case "udp":
		return udp(ctx, target)
	case "icmp":
		return icmp(ctx, target.Host)
	case "dns":
		return dns(ctx, target)
	case "https":
		return https(ctx, target)
	}
	return fmt.Errorf("unknown scheme %q", target.Scheme)
}

func tcp(ctx context.Context, target *url.URL) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+target.Host+"/", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %s", response.Status)
	}
	return expected(target, body)
}

func udp(ctx context.Context, target *url.URL) error {
	connection, err := connect(ctx, "udp", target.Host)
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.Write([]byte("hello\n")); err != nil {
		return err
	}
	buffer := make([]byte, 2048)
	n, err := connection.Read(buffer)
	if err != nil {
		return err
	}
	return expected(target, buffer[:n])
}

// expected compares a server's answer with the URL's name and seen.
func expected(target *url.URL, body []byte) error {
	var answer Answer
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("answer %q: %w", body, err)
	}
	query := target.Query()
	if want := query.Get("name"); want != "" && want != answer.Name {
		return fmt.Errorf("answered by %s, not %s", answer.Name, want)
	}
	if want := query.Get("seen"); want != "" && want != answer.Client {
		return fmt.Errorf("seen as %s, not %s", answer.Client, want)
	}
	return nil
}

// icmp sends an echo request on a raw socket (RFC 792), which needs CAP_NET_RAW.
func icmp(ctx context.Context, host string) error {
	connection, err := connect(ctx, "ip4:icmp", host)
	if err != nil {
		return err
	}
	defer connection.Close()
	const echoReply, echoRequest = 0, 8
	request := make([]byte, 16)
	request[0] = echoRequest
	binary.BigEndian.PutUint16(request[4:], uint16(os.Getpid()))
	binary.BigEndian.PutUint64(request[8:], uint64(time.Now().UnixNano()))
	binary.BigEndian.PutUint16(request[2:], checksum(request))
	if _, err := connection.Write(request); err != nil {
		return err
	}
	buffer := make([]byte, 512)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return err
		}
		// A raw socket sees the IP header too, and the replies to everyone: ours repeats identifier,
		// sequence and time.
		header := int(buffer[0]&0xf) * 4
		if n < header+len(request) {
			continue
		}
		reply := buffer[header:n]
		if reply[0] == echoReply && slices.Equal(reply[4:len(request)], request[4:]) {
			return nil
		}
	}
}

// checksum is the Internet checksum of RFC 1071 over an even number of bytes.
func checksum(message []byte) uint16 {
	var sum uint32
	for i := 0; i < len(message); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(message[i:]))
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum + sum>>16)
}

func dns(ctx context.Context, target *url.URL) error {
	network := "udp"
	if target.Query().Has("tcp") {
		network = "tcp"
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return connect(ctx, network, net.JoinHostPort(target.Hostname(), "53"))
	}}
	// The dot keeps the resolver from trying the search domains.
	addresses, err := resolver.LookupHost(ctx, target.Path[1:]+".")
	if err != nil {
		return err
	}
	if want := target.Query().Get("answer"); want != "" && !slices.Contains(addresses, want) {
		return fmt.Errorf("resolved to %v, not %s", addresses, want)
	}
	return nil
}

func https(ctx context.Context, target *url.URL) error {
	pem, err := os.ReadFile(serviceAccountCA)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", serviceAccountCA)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %s", response.Status)
	}
	return nil
}

// connect dials within the context's deadline, which then also holds for reads and writes.
func connect(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	return connection, connection.SetDeadline(deadline)
}
