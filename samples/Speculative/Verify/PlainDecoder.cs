using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>Plain greedy decoding, one token a step, with the verifier's model alone: what the answers are compared with. Shares no cache and no runner with it.</summary>
internal static class PlainDecoder
{
    private const int BlockTokens = 16;

    internal static int[] Generate(LlamaModel model, int[] prompt, int maxNewTokens, CancellationToken cancellation)
    {
        var blocks = (prompt.Length + maxNewTokens - 1 + BlockTokens - 1) / BlockTokens;
        using var memory = new KvCacheMemory(model.Config, blocks, BlockTokens);
        using var runner = new LlamaRunner(model, memory.Cache, DraftModel.Chunk);
        var table = Enumerable.Range(0, blocks).ToArray();
        var logits = runner.Prefill(prompt, table, cancellation);
        List<int> answer = [];
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var token = Greedy.Choose(logits);
            answer.Add(token);
            if (answer.Count == maxNewTokens || model.Config.EosTokens.Contains(token)) return [.. answer];
            logits = runner.Forward([token], prompt.Length + answer.Count - 1, table);
        }
    }
}
