using System.Numerics.Tensors;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Runs a model over a paged cache: a chunk of a prompt or one token at a time, with the same bits either way. Holds the
/// activations of one chunk; one thread at a time.
/// </summary>
public sealed class LlamaRunner : IDisposable
{
    private readonly LlamaModel _model;
    private readonly PagedKvCache _cache;
    private readonly Matrix _x, _normed, _query, _key, _value, _attended, _delta, _gate, _up, _logits, _scores, _scratch;

    /// <summary>Creates a runner; <paramref name="maxChunk"/> is the most tokens in one call.</summary>
    public LlamaRunner(LlamaModel model, PagedKvCache cache, int maxChunk = 64)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxChunk);
        (_model, _cache, MaxChunk) = (model, cache, maxChunk);
        var c = model.Config;
        _x = new Matrix(maxChunk, c.HiddenSize);
        _normed = new Matrix(maxChunk, c.HiddenSize);
        _delta = new Matrix(maxChunk, c.HiddenSize);
        _query = new Matrix(maxChunk, c.Heads * c.HeadDim);
        _attended = new Matrix(maxChunk, c.Heads * c.HeadDim);
        _key = new Matrix(maxChunk, c.KvHeads * c.HeadDim);
        _value = new Matrix(maxChunk, c.KvHeads * c.HeadDim);
        _gate = new Matrix(maxChunk, c.IntermediateSize);
        _up = new Matrix(maxChunk, c.IntermediateSize);
        _logits = new Matrix(1, c.VocabularySize);
        _scores = new Matrix(1, c.MaxPositions);
        _scratch = new Matrix(1, Math.Max(c.IntermediateSize, 2 * c.HeadDim));
    }

    /// <summary>The most tokens in one call.</summary>
    public int MaxChunk { get; }

    /// <summary>Tokens that went through the model since the start: a decoder that was handed its prompt never counts it.</summary>
    public long TokensComputed { get; private set; }

    /// <summary>
    /// Feeds tokens at <paramref name="position"/>, … and returns the logits after the last one, valid until the next call.
    /// Writes their keys and values into the cache and reads those of all positions before.
    /// </summary>
    /// <param name="tokens">1 to <see cref="MaxChunk"/> tokens.</param>
    /// <param name="position">Position of the first.</param>
    /// <param name="blockTable">The sequence's blocks: position p lies in block <c>blockTable[p / BlockTokens]</c>.</param>
    public ReadOnlySpan<float> Forward(scoped ReadOnlySpan<int> tokens, int position, scoped ReadOnlySpan<int> blockTable)
    {
        Check(tokens, position, blockTable);
        for (var t = 0; t < tokens.Length; t++) _model.Weights.Embedding.Row(tokens[t]).CopyTo(_x.Row(t));
        for (var layer = 0; layer < _model.Weights.Layers.Length; layer++)
        {
            var weights = _model.Weights.Layers[layer];
            Attention(layer, weights, tokens.Length, position, blockTable);
            FeedForward(weights, tokens.Length);
        }
        TokensComputed += tokens.Length;
        // Only the last token's logits are wanted; row 0 is its place from here on.
        Kernels.RmsNorm(_x.Row(tokens.Length - 1), _model.Weights.Norm.Row(0), _model.Config.NormEpsilon, _normed.Row(0));
        Kernels.Linear(_model.Weights.Head, _normed, _logits, 1);
        return _logits.Row(0);
    }

    /// <summary>Feeds a whole prompt in chunks and returns the logits after it.</summary>
    public ReadOnlySpan<float> Prefill(scoped ReadOnlySpan<int> prompt, scoped ReadOnlySpan<int> blockTable, CancellationToken cancellation = default)
    {
        ReadOnlySpan<float> logits = default;
        for (var at = 0; at < prompt.Length; at += MaxChunk)
        {
            cancellation.ThrowIfCancellationRequested();
            logits = Forward(prompt.Slice(at, Math.Min(MaxChunk, prompt.Length - at)), at, blockTable);
        }
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var matrix in (ReadOnlySpan<Matrix>)[_x, _normed, _query, _key, _value, _attended, _delta, _gate, _up, _logits, _scores, _scratch])
            matrix.Dispose();
    }

    private void Attention(int layer, LayerWeights weights, int count, int position, ReadOnlySpan<int> blockTable)
    {
        Norm(weights.InputNorm, count);
        Kernels.Linear(weights.Query, _normed, _query, count);
        Kernels.Linear(weights.Key, _normed, _key, count);
        Kernels.Linear(weights.Value, _normed, _value, count);
        for (var t = 0; t < count; t++)
        {
            _model.Rotary.Apply(_query.Row(t), position + t, _scratch.Row(0));
            _model.Rotary.Apply(_key.Row(t), position + t, _scratch.Row(0));
            Store(layer, t, position + t, blockTable);
        }
        for (var t = 0; t < count; t++)
            for (var head = 0; head < _model.Config.Heads; head++) Attend(layer, t, head, position + t, blockTable);
        Kernels.Linear(weights.Output, _attended, _delta, count);
        AddDelta(count);
    }

    private void Store(int layer, int t, int position, ReadOnlySpan<int> blockTable)
    {
        var (block, slot) = (blockTable[position / _cache.BlockTokens], position % _cache.BlockTokens);
        for (var head = 0; head < _cache.Heads; head++)
        {
            _key.Row(t).Slice(head * _cache.HeadDim, _cache.HeadDim).CopyTo(_cache.Key(layer, block, slot, head));
            _value.Row(t).Slice(head * _cache.HeadDim, _cache.HeadDim).CopyTo(_cache.Value(layer, block, slot, head));
        }
    }

    /// <summary>One query head over all positions up to its own, block by block in the order of the positions.</summary>
    private void Attend(int layer, int t, int head, int position, ReadOnlySpan<int> blockTable)
    {
        int dim = _cache.HeadDim, blockTokens = _cache.BlockTokens, kvHead = head / _model.Config.QueriesPerKv;
        ReadOnlySpan<float> query = _query.Row(t).Slice(head * dim, dim);
        var scores = _scores.Row(0)[..(position + 1)];
        for (var p = 0; p <= position; p++)
            scores[p] = TensorPrimitives.Dot(query, _cache.Key(layer, blockTable[p / blockTokens], p % blockTokens, kvHead));
        TensorPrimitives.Multiply(scores, 1f / MathF.Sqrt(dim), scores);
        Kernels.Softmax(scores);
        var sum = _attended.Row(t).Slice(head * dim, dim);
        sum.Clear();
        for (var p = 0; p <= position; p++)
            TensorPrimitives.MultiplyAdd(_cache.Value(layer, blockTable[p / blockTokens], p % blockTokens, kvHead), scores[p], sum, sum);
    }

    private void FeedForward(LayerWeights weights, int count)
    {
        Norm(weights.PostNorm, count);
        Kernels.Linear(weights.Gate, _normed, _gate, count);
        Kernels.Linear(weights.Up, _normed, _up, count);
        for (var t = 0; t < count; t++) Kernels.SwiGlu(_gate.Row(t), _up.Row(t), _scratch.Row(0)[.._model.Config.IntermediateSize]);
        Kernels.Linear(weights.Down, _gate, _delta, count);
        AddDelta(count);
    }

    private void Norm(Matrix weight, int count)
    {
        for (var t = 0; t < count; t++) Kernels.RmsNorm(_x.Row(t), weight.Row(0), _model.Config.NormEpsilon, _normed.Row(t));
    }

    private void AddDelta(int count)
    {
        for (var t = 0; t < count; t++) TensorPrimitives.Add(_x.Row(t), _delta.Row(t), _x.Row(t));
    }

    private void Check(ReadOnlySpan<int> tokens, int position, ReadOnlySpan<int> blockTable)
    {
        var config = _model.Config;
        if (tokens.Length < 1 || tokens.Length > MaxChunk)
            throw new ArgumentException($"{tokens.Length} tokens; a call takes 1 to {MaxChunk}.", nameof(tokens));
        if (position < 0 || position > config.MaxPositions - tokens.Length)
            throw new ArgumentOutOfRangeException(nameof(position), $"Positions [{position}, +{tokens.Length}); the model was made for {config.MaxPositions}.");
        if (_cache.BlocksFor(position + tokens.Length) > blockTable.Length)
            throw new ArgumentException($"{blockTable.Length} blocks for {position + tokens.Length} tokens; {_cache.BlocksFor(position + tokens.Length)} are needed.", nameof(blockTable));
        foreach (var token in tokens)
            if ((uint)token >= (uint)config.VocabularySize)
                throw new ArgumentOutOfRangeException(nameof(tokens), $"Token {token}; the vocabulary has {config.VocabularySize}.");
    }
}
