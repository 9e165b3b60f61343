package api_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

// The file is read again at every attempt to connect. Replace it before the user's JWT
// expires, and the connection continues.
func ExampleUserCredentials() {
	nc, err := api.Connect("tls://nats.example.com", api.UserCredentials("~/.nats/user.creds"))
	var bad *api.UserCredentialsError
	if errors.As(err, &bad) {
		fmt.Println(bad.Source, "cannot be used:", bad.Reason)
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
}

// A token that changes while the program runs.
func ExampleTokenHandler() {
	server, err := natsserver.Start(natsserver.Options{Token: "of today"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Shutdown()

	nc, err := api.Connect(server.URL(), api.TokenHandler(func() string { return "of " + "today" }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	fmt.Println(nc.Status())

	_, err = api.Connect(server.URL(), api.Token("of yesterday"))
	var refused *api.AuthorizationError
	if errors.As(err, &refused) {
		fmt.Println(refused.Reason)
	}
	// Output:
	// CONNECTED
	// Authorization Violation
}

func ExampleNkeyOptionFromSeed() {
	key, err := api.NkeyOptionFromSeed("user.nk")
	if err != nil {
		fmt.Println(errors.Is(err, api.ErrInvalidUserCredentials), errors.Is(err, os.ErrNotExist))
		return
	}
	nc, err := api.Connect("nats.example.com", key)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	// Output: true true
}

// Mutual TLS. The files are read again at every handshake, so that they can be
// renewed while the program runs.
func ExampleClientCert() {
	nc, err := api.Connect("tls://nats.example.com",
		api.RootCAs("ca.pem"),
		api.ClientCert("client.pem", "client-key.pem"))
	var failed *api.TLSError
	if errors.As(err, &failed) {
		fmt.Println(failed.URL, "at the stage", failed.Stage)
		return
	}
	if err != nil {
		fmt.Println("a file is missing:", errors.Is(err, os.ErrNotExist))
		return
	}
	defer nc.Close()
	// Output: a file is missing: true
}
