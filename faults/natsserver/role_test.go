package natsserver_test

import (
	"fmt"
	"io"
	"os"

	"github.com/troupe-go/troupe/faults/natsserver"
)

// Roles of this program other than the tests and the children of natsserver.
const (
	roleVariable = "TROUPE_TEST_ROLE"
	roleParent   = "parent"   // starts a server, says where it is, and waits
	roleNoChild  = "no child" // starts a server as a program that does not call Child
)

// playRole plays the role that this process has, if any.
func playRole() {
	role := os.Getenv(roleVariable)
	if role != roleNoChild {
		natsserver.Child()
	}
	if role == "" {
		return
	}
	p, err := natsserver.StartProcess(natsserver.Options{})
	if err == nil && os.Getenv(roleVariable+"_PAUSE") != "" {
		err = p.Pause()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
