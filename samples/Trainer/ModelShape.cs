namespace Nixl.Sdk.Samples.Trainer;

/// <summary>The shape of a Llama model, in the terms of a Hugging Face config.json.</summary>
internal sealed record ModelShape(
    int Hidden, int Layers, int Heads, int KvHeads, int HeadDim, int FeedForward, int MaxPositions,
    int Vocabulary = Corpus.VocabularySize, double RopeTheta = 10_000, double NormEpsilon = 1e-5)
{
    internal static readonly ModelShape Default = new(
        Hidden: 160, Layers: 4, Heads: 8, KvHeads: 4, HeadDim: 32, FeedForward: 384, MaxPositions: 512);

    internal string ToConfigJson() => $$"""
        {
          "architectures": ["LlamaForCausalLM"],
          "model_type": "llama",
          "hidden_act": "silu",
          "hidden_size": {{Hidden}},
          "intermediate_size": {{FeedForward}},
          "num_hidden_layers": {{Layers}},
          "num_attention_heads": {{Heads}},
          "num_key_value_heads": {{KvHeads}},
          "head_dim": {{HeadDim}},
          "max_position_embeddings": {{MaxPositions}},
          "rms_norm_eps": {{NormEpsilon.ToString("0.0######", System.Globalization.CultureInfo.InvariantCulture)}},
          "rope_theta": {{RopeTheta.ToString("0.0", System.Globalization.CultureInfo.InvariantCulture)}},
          "rope_scaling": null,
          "attention_bias": false,
          "mlp_bias": false,
          "tie_word_embeddings": true,
          "vocab_size": {{Vocabulary}},
          "bos_token_id": {{Corpus.Bos}},
          "eos_token_id": {{Corpus.Eos}},
          "torch_dtype": "bfloat16"
        }

        """;
}
