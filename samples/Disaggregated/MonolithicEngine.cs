using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The same model in one engine, in plain memory, without the SDK: what the two engines' answers are compared with.</summary>
internal sealed class MonolithicEngine(ModelHandle model)
{
    private const int BlockTokens = 16;

    /// <summary>The answer's tokens.</summary>
    internal int[] Generate(string prompt, int maxNewTokens, Action<int>? onToken = null, CancellationToken cancellation = default)
    {
        var tokens = model.Tokenizer.Encode(prompt);
        var positions = tokens.Length + maxNewTokens - 1;
        var blocks = (positions + BlockTokens - 1) / BlockTokens;
        using var memory = new KvCacheMemory(model.Config, blocks, BlockTokens);
        using var runner = new LlamaRunner(model.Model, memory.Cache, maxChunk: tokens.Length);
        var table = Enumerable.Range(0, blocks).ToArray();
        var logits = runner.Prefill(tokens, table, cancellation);
        List<int> answer = [];
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var token = Greedy.Choose(logits);
            answer.Add(token);
            onToken?.Invoke(token);
            if (answer.Count == maxNewTokens || model.Config.EosTokens.Contains(token)) return [.. answer];
            logits = runner.Forward([token], tokens.Length + answer.Count - 1, table);
        }
    }
}
