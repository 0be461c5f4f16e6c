using System.Security.Cryptography;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>The small model, its identity for the handshake, and pools for its cache. Both engines have it: the one to guess, the other to take over.</summary>
internal sealed class DraftModel : IDisposable
{
    /// <summary>Tokens in one call: a prompt is computed in chunks of so many.</summary>
    internal const int Chunk = 64;

    private DraftModel(LlamaModel model, ModelIdentity identity) => (Model, Identity) = (model, identity);

    internal LlamaModel Model { get; }

    /// <summary>Name, and a hash of the weights: the cache of another draft model would be garbage.</summary>
    internal ModelIdentity Identity { get; }

    /// <exception cref="ModelFormatException">The files are not those of a model.</exception>
    /// <exception cref="InvalidOperationException">The model does not fit <see cref="KjvDraftKv"/>.</exception>
    internal static DraftModel Load(string folder)
    {
        var model = LlamaModel.Load(folder);
        try
        {
            var schema = KjvDraftKv.Schema;
            LayoutCheck.Require(model.Config, schema, schema.Groups[0].BlockTokens);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var path in Directory.GetFiles(folder, "*.safetensors").Order(StringComparer.Ordinal)) hash.AppendData(SHA256.HashData(File.ReadAllBytes(path)));
            var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
            return new DraftModel(model, new ModelIdentity(name, Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16))));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>A pool for its cache; not yet written, it reads as no numbers.</summary>
    internal KvPool<KjvDraftKv> CreatePool(NixlAgent agent, int blocks)
    {
        var pool = KvPool<KjvDraftKv>.Allocate(agent, blocks, Identity);
        var cache = PoolCache.Over(pool, Model.Config);
        for (var block = 0; block < blocks; block++) cache.Poison(block);
        return pool;
    }

    /// <summary>The model over a pool's blocks.</summary>
    internal LlamaRunner CreateRunner(KvPool<KjvDraftKv> pool) => new(Model, PoolCache.Over(pool, Model.Config), Chunk);

    public void Dispose() => Model.Dispose();
}
