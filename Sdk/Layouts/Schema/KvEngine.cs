namespace Nixl.Sdk;

/// <summary>
/// A memory layout of a well-known engine, for <see cref="KvPreset"/> and the attribute of the same name. Those for keys and values
/// take KvHeads and HeadDim, those for latents (MLA) LatentDim and RopeDim.
/// </summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
enum KvEngine
{
    /// <summary>Not set. Never valid.</summary>
    None = 0,

    /// <summary>vLLM FlashAttention, older: per layer [2, B, N, H, D], the strip of keys before the strip of values.</summary>
    VllmFlashAttention,

    /// <summary>vLLM FlashInfer and Triton, older: per layer [B, 2, N, H, D].</summary>
    VllmFlashInferNhd,

    /// <summary>vLLM FlashInfer, older, heads outside tokens: per layer [B, 2, H, N, D].</summary>
    VllmFlashInferHnd,

    /// <summary>vLLM packed, a tensor per layer [B, H, N, 2D]: heads outside tokens, keys beside values.</summary>
    VllmPackedHnd,

    /// <summary>vLLM packed, a tensor per layer [B, N, H, 2D]: tokens outside heads, keys beside values.</summary>
    VllmPackedNhd,

    /// <summary>vLLM packed in one tensor [L, B, H, N, 2D], its default order.</summary>
    VllmPackedLbhnc,

    /// <summary>vLLM packed in one tensor [L, B, N, H, 2D].</summary>
    VllmPackedLbnhc,

    /// <summary>vLLM packed in one tensor [L, H, B, N, 2D].</summary>
    VllmPackedLhbnc,

    /// <summary>vLLM packed in one tensor [B, L, H, N, 2D].</summary>
    VllmPackedBlhnc,

    /// <summary>vLLM packed in one tensor [B, L, N, H, 2D].</summary>
    VllmPackedBlnhc,

    /// <summary>vLLM packed in one tensor [B, H, L, N, 2D].</summary>
    VllmPackedBhlnc,

    /// <summary>vLLM cross-layer blocks: all layers of a block side by side, as in <see cref="VllmPackedBlhnc"/>.</summary>
    VllmCrossLayer,

    /// <summary>vLLM with a scale per token and head: 8-bit keys and values and their fp32 scales, each a tensor of its own per layer.</summary>
    VllmPerTokenHead,

    /// <summary>
    /// Paged attention v1 and aiter: keys [B, H, D/x, N, x] with x elements in 16 bytes, values [B, H, D, N], a tensor each per layer.
    /// </summary>
    VllmXPacked,

    /// <summary>vLLM MLA: per layer [B, N, latent + rope].</summary>
    VllmMla,

    /// <summary>vLLM MLA in cross-layer blocks: [B, L, N, latent + rope].</summary>
    VllmMlaCrossLayer,

    /// <summary>
    /// vLLM <c>fp8_ds_mla</c>: per token the fp8 latent, an fp32 scale for each 128 of it, the bf16 rope part. Fixes its element types.
    /// </summary>
    VllmFp8DsMla,

    /// <summary>
    /// <see cref="VllmFp8DsMla"/> as group <c>Mla</c>, beside it group <c>Indexer</c> of sparse attention: per block all fp8 keys, then
    /// their fp32 scales, one for each 128.
    /// </summary>
    VllmFp8DsMlaSparse,

    /// <summary>SGLang's token pools for keys and values; BlockTokens is the page size, from 1.</summary>
    SglangMha,

    /// <summary>SGLang's token pools for latents; BlockTokens is the page size, from 1.</summary>
    SglangMla,

    /// <summary>A TensorRT-LLM pool of keys and values: [B, L, 2, H, N, D].</summary>
    TensorRtLlmMha,

    /// <summary>A TensorRT-LLM pool of latents: [B, L, 1, N, latent + rope].</summary>
    TensorRtLlmMla,

    /// <summary>LMCache chunks: [2, L, T, H·D]; BlockTokens is the chunk size, 256 by default there.</summary>
    LmCacheChunk,
}
