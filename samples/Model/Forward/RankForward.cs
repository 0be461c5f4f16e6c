namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// One rank's part of a step: all layers with its heads and its share of the inner width, over its own cache. What is not shared out (norms,
/// the residual stream) every rank computes for itself. Runs on the rank's thread.
/// </summary>
internal sealed class RankForward : IDisposable
{
    private readonly LlamaModel _model;
    private readonly PagedKvCache _cache;
    private readonly RankSpec _spec;
    private readonly AllReduce _allReduce;
    private readonly Matrix _x, _normed, _query, _key, _value, _attended, _gate, _up, _last, _scores, _scratch;
    private readonly Matrix _logits;

    internal RankForward(LlamaModel model, PagedKvCache cache, RankSpec spec, int maxTokens, int maxLogits, AllReduce allReduce, Matrix logits)
    {
        (_model, _cache, _spec, _allReduce, _logits) = (model, cache, spec, allReduce, logits);
        var c = spec.Shard;
        _x = new Matrix(maxTokens, c.HiddenSize);
        _normed = new Matrix(maxTokens, c.HiddenSize);
        _query = new Matrix(maxTokens, c.Heads * c.HeadDim);
        _attended = new Matrix(maxTokens, c.Heads * c.HeadDim);
        _key = new Matrix(maxTokens, c.KvHeads * c.HeadDim);
        _value = new Matrix(maxTokens, c.KvHeads * c.HeadDim);
        _gate = new Matrix(maxTokens, c.IntermediateSize);
        _up = new Matrix(maxTokens, c.IntermediateSize);
        _last = new Matrix(maxLogits, c.HiddenSize);
        _scores = new Matrix(1, c.MaxPositions);
        _scratch = new Matrix(1, Math.Max(c.IntermediateSize, 2 * c.HeadDim));
    }

    internal void Run(StepBatch batch, Action<int, int>? stored)
    {
        var tokens = batch.AllTokens;
        for (var t = 0; t < tokens.Length; t++) _model.Weights.Embedding.Row(tokens[t]).CopyTo(_x.Row(t));
        for (var layer = 0; layer < _model.Weights.Layers.Length; layer++)
        {
            Attention(layer, batch, stored);
            FeedForward(_model.Weights.Layers[layer], tokens.Length);
        }
        if (batch.LogitsRows > 0) Logits(batch);
    }

    public void Dispose()
    {
        foreach (var matrix in (ReadOnlySpan<Matrix>)[_x, _normed, _query, _key, _value, _attended, _gate, _up, _last, _scores, _scratch]) matrix.Dispose();
    }

    private void Attention(int layer, StepBatch batch, Action<int, int>? stored)
    {
        var weights = _model.Weights.Layers[layer];
        Norm(weights.InputNorm, batch.Tokens);
        ColumnParallel(weights.Query, _query, batch.Tokens);
        ColumnParallel(weights.Key, _key, batch.Tokens);
        ColumnParallel(weights.Value, _value, batch.Tokens);
        foreach (ref readonly var chunk in batch.AllChunks) Store(layer, chunk);
        stored?.Invoke(_spec.Rank, layer); // from here on it can travel, while the rest of the layer is computed
        foreach (ref readonly var chunk in batch.AllChunks) Attend(layer, chunk);
        RowParallel(weights.Output, _attended, ReduceStage.Attention, batch.Tokens);
    }

    private void Store(int layer, in SequenceChunk chunk)
    {
        var blocks = chunk.TableOf(_spec.Rank).Span;
        int dim = _cache.HeadDim, blockTokens = _cache.BlockTokens;
        for (var t = 0; t < chunk.Count; t++)
        {
            var (row, position) = (chunk.FirstRow + t, chunk.Position + t);
            _model.Rotary.Apply(_query.Row(row), position, _scratch.Row(0));
            _model.Rotary.Apply(_key.Row(row), position, _scratch.Row(0));
            var (block, slot) = (blocks[position / blockTokens], position % blockTokens);
            for (var head = 0; head < _cache.Heads; head++)
            {
                _key.Row(row).Slice(head * dim, dim).CopyTo(_cache.Key(layer, block, slot, head));
                _value.Row(row).Slice(head * dim, dim).CopyTo(_cache.Value(layer, block, slot, head));
            }
        }
    }

    /// <summary>Every query head of every token over all positions up to its own.</summary>
    private unsafe void Attend(int layer, in SequenceChunk chunk)
    {
        int dim = _cache.HeadDim, queriesPerKv = _model.Config.QueriesPerKv;
        MatrixView queries = _query.View(), attended = _attended.View();
        for (var t = 0; t < chunk.Count; t++)
            for (var head = 0; head < _spec.Shard.Heads; head++)
                AttentionKernel.Run(
                    _cache, layer, head / queriesPerKv, chunk.TableOf(_spec.Rank).Span, chunk.Position + t + 1, queries[chunk.FirstRow + t] + (head * dim),
                    _scores.Row(0), attended[chunk.FirstRow + t] + (head * dim));
    }

    private void FeedForward(LayerWeights weights, int count)
    {
        Norm(weights.PostNorm, count);
        ColumnParallel(weights.Gate, _gate, count);
        ColumnParallel(weights.Up, _up, count);
        // By groups of columns, as the sum goes: a row of another length might be cut into vectors in another way.
        var width = _model.Config.IntermediateSize / _allReduce.Groups;
        for (var t = 0; t < count; t++)
            for (var at = 0; at < _gate.Columns; at += width)
                Kernels.SwiGlu(_gate.Row(t).Slice(at, width), _up.Row(t).Slice(at, width), _scratch.Row(0)[..width]);
        RowParallel(weights.Down, _gate, ReduceStage.FeedForward, count);
    }

    /// <summary>The final norm and the output matrix, for those tokens alone whose logits are wanted; the vocabulary is dealt out among the ranks.</summary>
    private void Logits(StepBatch batch)
    {
        foreach (ref readonly var chunk in batch.AllChunks)
            for (var i = 0; i < chunk.LogitsCount; i++)
                Kernels.RmsNorm(
                    _x.Row(chunk.FirstRow + chunk.Count - chunk.LogitsCount + i), _model.Weights.Norm.Row(0), _model.Config.NormEpsilon, _last.Row(chunk.LogitsRow + i));
        var (first, count) = _spec.Part(_model.Config.VocabularySize);
        LinearKernel.Run(_model.Weights.Head.RowsOf(_model.Weights.HeadIsPart ? 0 : first, count), _last.RowsOf(0, batch.LogitsRows), _logits.View().ColumnsOf(first, count));
    }

    private void Norm(Matrix weight, int count)
    {
        for (var t = 0; t < count; t++) Kernels.RmsNorm(_x.Row(t), weight.Row(0), _model.Config.NormEpsilon, _normed.Row(t));
    }

    /// <summary>This rank's rows of a weight [out, in]: its share of the outputs, from the whole input.</summary>
    private void ColumnParallel(Matrix weight, Matrix y, int count) =>
        LinearKernel.Run(weight.RowsOf(_model.IsShard ? 0 : _spec.Rank * y.Columns, y.Columns), _normed.RowsOf(0, count), y.RowsOf(0, count));

    /// <summary>This rank's columns of a weight [out, in]: a share of every output, group by group, summed over all ranks and added to x.</summary>
    private void RowParallel(Matrix weight, Matrix input, ReduceStage stage, int count)
    {
        var width = input.Columns / _allReduce.GroupsPerRank;
        for (var local = 0; local < _allReduce.GroupsPerRank; local++)
        {
            var group = (_spec.Rank * _allReduce.GroupsPerRank) + local;
            LinearKernel.Run(
                weight.ColumnsOf((_model.IsShard ? local : group) * width, width), input.RowsOf(0, count).ColumnsOf(local * width, width), _allReduce.Partial(stage, group, count));
        }
        _allReduce.AddTo(_x, stage, count);
    }
}
