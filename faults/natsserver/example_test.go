package natsserver_test

import (
	"fmt"
	"log"

	"github.com/nats-io/nats.go"
	"github.com/troupe-go/troupe/faults/natsserver"
)

// A server is started, used, killed, and brought back on the same port.
func Example() {
	s, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Shutdown()

	nc, err := nats.Connect(s.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	fmt.Println("connected:", nc.IsConnected())

	s.Kill()
	fmt.Println("running after the kill:", s.Running())
	if err := s.Restart(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("running after the restart:", s.Running())
	// Output:
	// connected: true
	// running after the kill: false
	// running after the restart: true
}
