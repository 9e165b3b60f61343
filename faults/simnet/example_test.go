package simnet_test

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/troupe-go/troupe/faults/simnet"
)

// A client dials a server by its name, and a rule of the link cuts them off.
func Example() {
	network := simnet.New(simnet.Options{})
	defer network.Close()
	network.Attach("s1", greeter("hello"))

	conn, err := network.Dialer("client").Dial("tcp", "s1:4222")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	var said string
	_, _ = fmt.Fscanln(conn, &said)
	fmt.Println(conn.RemoteAddr(), "says", said)

	if _, err := network.Link("client", "s1").Inject("reset"); err != nil {
		fmt.Println(err)
		return
	}
	_, err = conn.Read(make([]byte, 1))
	fmt.Println("reset:", errors.Is(err, syscall.ECONNRESET))
	_, err = network.Dialer("client").Dial("tcp", "s2:4222")
	fmt.Println(err)
	// Output:
	// s1:4222 says hello
	// reset: true
	// dial tcp s2:4222: lookup s2: no such host
}

// The two ends of a pipe behave as those of a TCP connection.
func ExamplePipe() {
	client, server := simnet.Pipe(simnet.WindowDefault)
	defer server.Close()
	_, _ = client.Write([]byte("last words"))
	_ = client.Close()

	buf := make([]byte, 64)
	n, err := server.Read(buf)
	fmt.Printf("%s, %v\n", buf[:n], err)
	_, err = server.Read(buf)
	fmt.Println(err)
	// Output:
	// last words, <nil>
	// EOF
}
