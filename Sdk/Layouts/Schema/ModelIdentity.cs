namespace Nixl.Sdk;

/// <summary>Which weights produced the cache. Two fine-tunes of one model are different models: their caches must not mix.</summary>
/// <param name="Name">The model's name, for example <c>meta-llama/Llama-3.1-70B</c>.</param>
/// <param name="Revision">A revision or a hash of the weights.</param>
/// <param name="RopeScaling">How positions are scaled; the same weights with other scaling give other keys.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record ModelIdentity(string Name, string Revision, string RopeScaling = "none");
