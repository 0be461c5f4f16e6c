namespace Nixl.Sdk.Samples.Model;

/// <summary>The shape of a Llama-architecture model, as its Hugging Face <c>config.json</c> says it.</summary>
public sealed record LlamaConfig
{
    /// <summary>Width of the residual stream (<c>hidden_size</c>).</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width inside the SwiGLU block (<c>intermediate_size</c>).</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of layers (<c>num_hidden_layers</c>).</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads (<c>num_attention_heads</c>).</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads (<c>num_key_value_heads</c>); each serves <see cref="Heads"/> / <see cref="KvHeads"/> query heads.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Elements of one head (<c>head_dim</c>, else hidden size / heads).</summary>
    public required int HeadDim { get; init; }

    /// <summary>Number of token ids (<c>vocab_size</c>).</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Positions the model was made for (<c>max_position_embeddings</c>); a sequence may not be longer.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Added to the mean square before its root (<c>rms_norm_eps</c>).</summary>
    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>Base of the rotary frequencies (<c>rope_theta</c>).</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>How the rotary frequencies are stretched; null for not at all.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Whether the output matrix is the embedding matrix (<c>tie_word_embeddings</c>).</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>Token put before a prompt, if the model has one.</summary>
    public int? BosToken { get; init; }

    /// <summary>Tokens that end a text.</summary>
    public IReadOnlyList<int> EosTokens { get; init; } = [];

    /// <summary>Query heads per key/value head.</summary>
    public int QueriesPerKv => Heads / KvHeads;

    /// <summary>
    /// Groups into which the columns of row-parallel products are cut, and so the highest degree of tensor parallelism: 4, 2 or 1, by which
    /// key/value heads and inner width can be divided.
    /// </summary>
    public int ReduceGroups => (KvHeads % 4, IntermediateSize % 4) is (0, 0) ? 4 : (KvHeads % 2, IntermediateSize % 2) is (0, 0) ? 2 : 1;

    /// <summary>What one of <paramref name="ranks"/> ranks of tensor parallelism has: its share of the heads and of the inner width.</summary>
    /// <exception cref="ArgumentException">The model cannot be cut into so many.</exception>
    public LlamaConfig Shard(int ranks)
    {
        if (ranks is not (1 or 2 or 4) || ReduceGroups % ranks != 0)
            throw new ArgumentException($"Tensor parallelism {ranks}: with {KvHeads} key/value heads and an inner width of {IntermediateSize} this model runs on {string.Join(", ", Enumerable.Range(1, ReduceGroups).Where(n => ReduceGroups % n == 0))} rank(s).", nameof(ranks));
        return this with { Heads = Heads / ranks, KvHeads = KvHeads / ranks, IntermediateSize = IntermediateSize / ranks };
    }

    /// <summary>Reads a <c>config.json</c>.</summary>
    /// <exception cref="ModelFormatException">A field is missing, out of range, or asks for what this engine does not do.</exception>
    public static LlamaConfig Load(string path) => LlamaConfigReader.Read(path);
}

/// <summary>The stretching of rotary frequencies: <c>linear</c> or <c>llama3</c>.</summary>
/// <param name="Kind">"linear" or "llama3".</param>
/// <param name="Factor">By how much low frequencies are slowed down.</param>
/// <param name="LowFrequencyFactor">llama3: wavelengths above original / this are slowed down wholly.</param>
/// <param name="HighFrequencyFactor">llama3: wavelengths below original / this stay.</param>
/// <param name="OriginalPositions">llama3: positions of the model before it was stretched.</param>
public sealed record RopeScaling(
    string Kind, double Factor, double LowFrequencyFactor = 1, double HighFrequencyFactor = 4, int OriginalPositions = 8192);
