//go:build !unix

package natsserver

import (
	"errors"
	"syscall"
)

// dieWithParent returns nothing: a process learns that its parent has gone from the end
// of its input.
func dieWithParent() *syscall.SysProcAttr { return nil }

func (c *childProcess) stop() error { return errors.ErrUnsupported }

func (c *childProcess) goOn() error { return errors.ErrUnsupported }
