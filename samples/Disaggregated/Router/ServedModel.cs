using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What a router has to know of its engines' model: how text becomes tokens, and which tokens end an answer. It has no weights.</summary>
/// <param name="Name">Its name for clients.</param>
/// <param name="Tokenizer">Text to tokens and back.</param>
/// <param name="EosTokens">Tokens that end an answer.</param>
/// <param name="MaxPositions">The most tokens of a prompt and its answer.</param>
internal sealed record ServedModel(string Name, ITokenizer Tokenizer, IReadOnlyList<int> EosTokens, int MaxPositions)
{
    /// <param name="folder">The folder with the model's config.json.</param>
    /// <exception cref="ModelFormatException">It is not one that the engines have.</exception>
    internal static ServedModel Load(string folder)
    {
        var config = LlamaConfig.Load(Path.Combine(folder, "config.json"));
        var tokenizer = new ByteTokenizer();
        if (tokenizer.VocabularySize != config.VocabularySize)
            throw new ModelFormatException($"{folder}: vocab_size is {config.VocabularySize}; the byte tokenizer has {tokenizer.VocabularySize} tokens.");
        return new ServedModel(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), tokenizer, config.EosTokens, config.MaxPositions);
    }
}
