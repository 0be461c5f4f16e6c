using System.Security.Cryptography;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The loaded model, its tokenizer and its identity for the handshake.</summary>
internal sealed class ModelHandle : IDisposable
{
    private ModelHandle(LlamaModel model, ModelIdentity identity) => (Model, Identity) = (model, identity);

    internal LlamaModel Model { get; }

    internal LlamaConfig Config => Model.Config;

    /// <summary>Name, and a hash of the weights: two fine-tunes of one model must not mix their caches.</summary>
    internal ModelIdentity Identity { get; }

    internal ITokenizer Tokenizer { get; } = new ByteTokenizer();

    internal static ModelHandle Load(string folder)
    {
        var model = LlamaModel.Load(folder);
        try
        {
            var identity = IdentityOf(folder, model.Config);
            var handle = new ModelHandle(model, identity);
            if (handle.Tokenizer.VocabularySize != model.Config.VocabularySize)
                throw new ModelFormatException($"{folder}: vocab_size is {model.Config.VocabularySize}; the byte tokenizer has {handle.Tokenizer.VocabularySize} tokens. Another checkpoint needs an ITokenizer of its own.");
            return handle;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    internal static ModelIdentity IdentityOf(string folder, LlamaConfig config)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var path in Directory.GetFiles(folder, "*.safetensors").Order(StringComparer.Ordinal))
        {
            using var file = File.OpenRead(path);
            hash.AppendData(SHA256.HashData(file));
        }
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        var scaling = config.RopeScaling is { } s ? $"{s.Kind} {s.Factor}" : "none";
        return new ModelIdentity(name, Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16)), scaling);
    }

    public void Dispose() => Model.Dispose();
}
