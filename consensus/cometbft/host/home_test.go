package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cometbft/cometbft/node"
)

// The variable that makes a process of this test a command: CometBFT's own or ours.
const runAs = "PLUME_COMETBFT_RUN_AS"

func TestMain(m *testing.M) {
	switch os.Getenv(runAs) {
	case "ours":
		run(newNode)
	case "theirs":
		run(node.DefaultNewNode)
	default:
		os.Exit(m.Run())
	}
}

// home is a validator's folder, in which one node after the other runs with CometBFT's key-value store.
type home struct {
	t       *testing.T
	folder  string
	address string
	process *exec.Cmd
	log     bytes.Buffer
}

func (h *home) command(kind string, arguments ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], append([]string{"--home", h.folder}, arguments...)...)
	command.Env = append(os.Environ(), runAs+"="+kind)
	return command
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, folder: t.TempDir()}
	if output, err := h.command("theirs", "init").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	// Below the ports that the kernel gives to outgoing connections, of which one could take it before the node does.
	for h.address == "" {
		address := fmt.Sprintf("127.0.0.1:%d", 11_000+rand.IntN(21_000))
		if listener, err := net.Listen("tcp", address); err == nil && listener.Close() == nil {
			h.address = address
		}
	}
	t.Cleanup(func() { h.stop(syscall.SIGKILL) })
	return h
}

func (h *home) start(kind string) {
	h.t.Helper()
	h.process = h.command(kind, "start", "--proxy_app", "persistent_kvstore", "--rpc.laddr", "tcp://"+h.address,
		"--p2p.laddr", "tcp://127.0.0.1:0", "--consensus.create_empty_blocks=false")
	h.process.Env = append(h.process.Env, "CMT_CONSENSUS_TIMEOUT_COMMIT=1ms")
	h.log.Reset()
	h.process.Stdout, h.process.Stderr = &h.log, &h.log
	if err := h.process.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.until(kind+" answers", func() bool {
		var status struct{ Height string }
		return h.ask("status", nil, &status) == nil
	})
}

// until polls, for a minute.
func (h *home) until(what string, is func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = h.process.Process.Kill()
			_ = h.process.Wait()
			h.process = nil
			h.t.Fatalf("not in a minute: %s\n%s", what, h.log.String())
		}
	}
}

func (h *home) stop(signal os.Signal) {
	if h.process == nil {
		return
	}
	_ = h.process.Process.Signal(signal)
	_ = h.process.Wait()
	h.process = nil
}

// ask calls a method with these parameters and decodes its result.
func (h *home) ask(method string, parameters map[string]string, result any) error {
	query := url.Values{}
	for name, value := range parameters {
		query.Set(name, value)
	}
	response, err := http.Get("http://" + h.address + "/" + method + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(bufio.NewReader(response.Body))
	if err != nil {
		return err
	}
	var answer struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if len(answer.Error) > 0 {
		return fmt.Errorf("%s: %s", method, answer.Error)
	}
	return json.Unmarshal(answer.Result, result)
}

// send brings a transaction in a JSON-RPC request and waits until it is in a block.
func (h *home) send(tx string) {
	h.t.Helper()
	body := fmt.Sprintf(`[{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"%s"}}]`,
		base64.StdEncoding.EncodeToString([]byte(tx)))
	response, err := http.Post("http://"+h.address, "application/json", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(text), `"code":0`) {
		h.t.Fatalf("%s, error %v", text, err)
	}
}

// finds says whether the index has a transaction, once, by its hash and by its event.
func (h *home) finds(tx string) bool {
	h.t.Helper()
	key, _, _ := strings.Cut(tx, "=")
	type found struct {
		Hash   string
		Height string
		Tx     []byte
	}
	var search struct {
		Txs   []found
		Total string `json:"total_count"`
	}
	if err := h.ask("tx_search", map[string]string{"query": fmt.Sprintf(`"app.key = '%s'"`, key)}, &search); err != nil {
		h.t.Fatal(err)
	}
	if len(search.Txs) == 0 {
		return false
	}
	var one found
	if err := h.ask("tx", map[string]string{"hash": "0x" + search.Txs[0].Hash}, &one); err != nil {
		h.t.Fatal(err)
	}
	var blocks struct {
		Total string `json:"total_count"`
	}
	if err := h.ask("block_search", map[string]string{"query": `"block.height = ` + one.Height + `"`}, &blocks); err != nil {
		h.t.Fatal(err)
	}
	if search.Total != "1" || string(one.Tx) != tx || blocks.Total != "1" {
		h.t.Fatalf("%s: %v, %v, %v", tx, search, one, blocks)
	}
	return true
}

func TestAHomeGoesToAndFro(t *testing.T) {
	h := newHome(t)
	var sent []string
	var info string
	for i, kind := range []string{"theirs", "ours", "theirs", "ours"} {
		h.start(kind)
		// What other nodes are told about this one is the same.
		var status struct {
			Info json.RawMessage `json:"node_info"`
		}
		if err := h.ask("status", nil, &status); err != nil {
			t.Fatal(err)
		}
		if info != "" && info != string(status.Info) {
			t.Errorf("%s: %s, not %s", kind, status.Info, info)
		}
		info = string(status.Info)
		for j := range 3 {
			tx := fmt.Sprintf("k%d%d=v", i, j)
			h.send(tx)
			sent = append(sent, tx)
		}
		for _, tx := range sent {
			h.until(kind+" finds "+tx, func() bool { return h.finds(tx) })
		}
		// Ended in both ways by both.
		h.stop([]os.Signal{syscall.SIGTERM, syscall.SIGKILL}[i/2])
	}
	// An index that lost its newest blocks gets them back.
	if err := os.RemoveAll(filepath.Join(h.folder, "data", "tx_index.db")); err != nil {
		t.Fatal(err)
	}
	h.start("ours")
	for _, tx := range sent {
		if !h.finds(tx) {
			t.Errorf("%s is not found", tx)
		}
	}
	h.stop(syscall.SIGTERM)
}
