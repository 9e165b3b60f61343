//go:build !unix

package natsserver

import (
	"errors"
	"syscall"
)

// dieWithParent returns nothing: a process learns from the end of its input that its
// parent is gone.
func dieWithParent() *syscall.SysProcAttr { return nil }

func (c *childProcess) stop() error { return errors.ErrUnsupported }

func (c *childProcess) goOn() error { return errors.ErrUnsupported }
