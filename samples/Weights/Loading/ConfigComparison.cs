using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>Says in which fields two models' shapes differ. Equal shapes with other weights are told apart by the checksums' owner, the peer.</summary>
internal static class ConfigComparison
{
    internal static IReadOnlyList<string> Differences(LlamaConfig wanted, LlamaConfig there)
    {
        List<string> found = [];
        Compare("hidden_size", wanted.HiddenSize, there.HiddenSize);
        Compare("intermediate_size", wanted.IntermediateSize, there.IntermediateSize);
        Compare("num_hidden_layers", wanted.Layers, there.Layers);
        Compare("num_attention_heads", wanted.Heads, there.Heads);
        Compare("num_key_value_heads", wanted.KvHeads, there.KvHeads);
        Compare("head_dim", wanted.HeadDim, there.HeadDim);
        Compare("vocab_size", wanted.VocabularySize, there.VocabularySize);
        Compare("max_position_embeddings", wanted.MaxPositions, there.MaxPositions);
        Compare("rms_norm_eps", wanted.NormEpsilon, there.NormEpsilon);
        Compare("rope_theta", wanted.RopeTheta, there.RopeTheta);
        Compare("rope_scaling", wanted.RopeScaling, there.RopeScaling);
        Compare("tie_word_embeddings", wanted.TiedEmbeddings, there.TiedEmbeddings);
        return found;

        void Compare<T>(string field, T here, T peer)
        {
            if (!EqualityComparer<T>.Default.Equals(here, peer)) found.Add(FormattableString.Invariant($"{field} is {peer} there and {here} here"));
        }
    }
}
