using System.Collections.Concurrent;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Serve;

/// <summary>
/// What one engine alone, in plain memory and without the SDK, answers. Each prompt is computed once. Greedy decoding never looks back, so that a
/// shorter answer is the beginning of a longer one. Thread-safe.
/// </summary>
internal sealed class MonolithicReference : IDisposable
{
    private readonly ModelHandle _model = ModelHandle.Load(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"));
    private readonly ConcurrentDictionary<(string Text, int MaxTokens), Lazy<int[]>> _answers = [];

    /// <summary>The whole answer.</summary>
    internal int[] TokensOf(ServePrompt prompt) =>
        _answers.GetOrAdd((prompt.Text, prompt.MaxTokens), key => new Lazy<int[]>(() => new MonolithicEngine(_model).Generate(key.Text, key.MaxTokens))).Value;

    /// <summary>Why an answer ends there.</summary>
    internal string FinishOf(ServePrompt prompt) => _model.Config.EosTokens.Contains(TokensOf(prompt)[^1]) ? "stop" : "length";

    internal string TextOf(ServePrompt prompt) => _model.Tokenizer.Decode(TokensOf(prompt));

    public void Dispose() => _model.Dispose();
}
