package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

const (
	patience = 30 * time.Second
	pause    = 10 * time.Millisecond // between two checks of the load balancer
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("health: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("health: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "health"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	nc, err := api.Connect(server.URL(), api.Name("health"), api.NeverGiveUp())
	if err != nil {
		return err
	}
	defer nc.Close()
	if _, err := nc.Subscribe("work", func(*api.Msg) {}); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	endpoint := &http.Server{Handler: handler(nc)}
	defer endpoint.Close()
	go func() { _ = endpoint.Serve(listener) }() // ends with Close
	return watch(out, "http://"+listener.Addr().String(), server)
}

// handler is what your service would add to its HTTP server.
func handler(nc *api.Conn) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if err := nc.Health(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "well, connected to", nc.ConnectedServerName())
	})
	mux.HandleFunc("GET /tree", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, nc.Tree())
	})
	return mux
}

// watch checks the endpoint while the server is killed and started again.
func watch(out io.Writer, url string, server *natsserver.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := expect(ctx, out, url, http.StatusOK); err != nil {
		return err
	}
	server.Kill()
	fmt.Fprintln(out, "the server was killed")
	if err := expect(ctx, out, url, http.StatusServiceUnavailable); err != nil {
		return err
	}
	_, tree, err := get(ctx, url+"/tree")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "    "+strings.ReplaceAll(tree, "\n", "\n    "))
	if err := server.Restart(); err != nil {
		return err
	}
	fmt.Fprintln(out, "the server was started again")
	return expect(ctx, out, url, http.StatusOK)
}

// expect checks until the endpoint answers with the code.
func expect(ctx context.Context, out io.Writer, url string, want int) error {
	for {
		code, text, err := get(ctx, url+"/health")
		if err != nil {
			return fmt.Errorf("waiting for %d: %w", want, err)
		}
		if code == want {
			fmt.Fprintf(out, "GET /health: %d %s\n", code, text)
			return nil
		}
		<-time.After(pause)
	}
}

// get returns the status and the text of an answer.
func get(ctx context.Context, url string) (code int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, strings.TrimSpace(string(body)), err
}
