namespace Nixl.Sdk.Samples.Model;

/// <summary>One layer's matrices, [out, in] as files have them.</summary>
internal sealed record LayerWeights(
    Matrix InputNorm, Matrix Query, Matrix Key, Matrix Value, Matrix Output, Matrix PostNorm, Matrix Gate, Matrix Up, Matrix Down);

/// <summary>A model's weights, or one rank's shard of them, as floats in native memory. Owns the memory.</summary>
internal sealed class LlamaWeights : IDisposable
{
    private readonly List<(WeightTensor Tensor, Matrix Matrix)> _all = [];
    private readonly int _rank;
    private readonly int _ranks;

    private LlamaWeights(LlamaConfig config, int rank, int ranks)
    {
        config.Shard(ranks); // refuses what cannot be
        if (rank < 0 || rank >= ranks) throw new ArgumentOutOfRangeException(nameof(rank), $"Rank {rank} of {ranks}.");
        (_rank, _ranks) = (rank, ranks);
        int hidden = config.HiddenSize, queries = config.Heads * config.HeadDim, keys = config.KvHeads * config.HeadDim, inner = config.IntermediateSize;
        Embedding = Add("model.embed_tokens.weight", WeightCut.None, config.VocabularySize, hidden);
        Layers = [.. Enumerable.Range(0, config.Layers).Select(i => $"model.layers.{i}").Select(name => new LayerWeights(
            InputNorm: Add($"{name}.input_layernorm.weight", WeightCut.None, 1, hidden),
            Query: Add($"{name}.self_attn.q_proj.weight", WeightCut.Rows, queries, hidden),
            Key: Add($"{name}.self_attn.k_proj.weight", WeightCut.Rows, keys, hidden),
            Value: Add($"{name}.self_attn.v_proj.weight", WeightCut.Rows, keys, hidden),
            Output: Add($"{name}.self_attn.o_proj.weight", WeightCut.Columns, hidden, queries),
            PostNorm: Add($"{name}.post_attention_layernorm.weight", WeightCut.None, 1, hidden),
            Gate: Add($"{name}.mlp.gate_proj.weight", WeightCut.Rows, inner, hidden),
            Up: Add($"{name}.mlp.up_proj.weight", WeightCut.Rows, inner, hidden),
            Down: Add($"{name}.mlp.down_proj.weight", WeightCut.Columns, hidden, inner)))];
        Norm = Add("model.norm.weight", WeightCut.None, 1, hidden);
        HeadIsPart = !config.TiedEmbeddings && ranks > 1;
        Head = config.TiedEmbeddings ? Embedding : Add("lm_head.weight", WeightCut.Rows, config.VocabularySize, hidden);
        Tensors = [.. _all.Select(weight => weight.Tensor)];
    }

    internal Matrix Embedding { get; }

    internal LayerWeights[] Layers { get; }

    internal Matrix Norm { get; }

    internal Matrix Head { get; }

    /// <summary>Whether <see cref="Head"/> has this rank's rows alone. A matrix that is the embedding too is whole on every rank.</summary>
    internal bool HeadIsPart { get; }

    internal IReadOnlyList<WeightTensor> Tensors { get; }

    /// <summary>Weights that are not there yet: not a number, each of them.</summary>
    internal static LlamaWeights Allocate(LlamaConfig config, int rank, int ranks)
    {
        var weights = new LlamaWeights(config, rank, ranks);
        foreach (var (_, matrix) in weights._all)
            for (var row = 0; row < matrix.Rows; row++) matrix.Row(row).Fill(float.NaN);
        return weights;
    }

    internal static LlamaWeights Load(LlamaConfig config, WeightSource source, int rank, int ranks)
    {
        var weights = new LlamaWeights(config, rank, ranks);
        try
        {
            foreach (var (tensor, matrix) in weights._all) source.Read(tensor, matrix);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var (_, matrix) in _all) matrix.Dispose();
    }

    private Matrix Add(string name, WeightCut cut, int rows, int columns)
    {
        var (firstRow, rowCount) = cut == WeightCut.Rows ? WeightTensor.Part(rows, _rank, _ranks) : (0, rows);
        var (firstColumn, columnCount) = cut == WeightCut.Columns ? WeightTensor.Part(columns, _rank, _ranks) : (0, columns);
        var matrix = new Matrix(rowCount, columnCount);
        _all.Add((new WeightTensor(name, cut, rows, columns, firstRow, rowCount, firstColumn, columnCount, matrix.Address, matrix.RowStride), matrix));
        return matrix;
    }
}
