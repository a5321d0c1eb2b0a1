// Command sign-modes-go makes sign bytes with the Cosmos SDK's own code (cosmossdk.io/x/tx), in every mode that SDK 0.50
// has. The chain's codec must make the same.
//
//	go run . > ../vectors/sign-modes.json    writes the vectors anew
//	go run . --check                         fails if they are not what this SDK makes
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
)

const vectors = "../vectors/sign-modes.json"

func main() {
	maker, err := newMaker()
	if err != nil {
		log.Fatal(err)
	}
	out := []vector{}
	for _, c := range cases() {
		v, err := maker.vector(c)
		if err != nil {
			log.Fatalf("%s: %v", c.name, err)
		}
		out = append(out, v)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(out); err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 1 && os.Args[1] == "--check" {
		recorded, err := os.ReadFile(vectors)
		if err != nil {
			log.Fatal(err)
		}
		if !bytes.Equal(recorded, text.Bytes()) {
			log.Fatalf("%s is not what this SDK makes", vectors)
		}
		fmt.Printf("%d transactions in 4 sign modes: as recorded\n", len(out))
		return
	}
	os.Stdout.Write(text.Bytes())
}
