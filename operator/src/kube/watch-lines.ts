/** Cuts a stream of bytes into lines. A line that is cut off at the end of the stream is dropped: the watch resumes before it. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    let newline = rest.indexOf("\n");
    if (newline === -1) continue;
    let start = 0;
    while (newline !== -1) {
      if (newline > start) yield rest.slice(start, newline);
      start = newline + 1;
      newline = rest.indexOf("\n", start);
    }
    rest = rest.slice(start);
  }
}
