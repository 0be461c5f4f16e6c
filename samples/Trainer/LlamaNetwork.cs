using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Nixl.Sdk.Samples.Trainer;

/// <summary>A Llama model as TorchSharp sees it; parameters are kept by their Hugging Face names.</summary>
internal sealed class LlamaNetwork : IDisposable
{
    private readonly ModelShape _shape;
    private readonly Dictionary<string, TorchSharp.Modules.Parameter> _parameters = [];

    internal LlamaNetwork(ModelShape shape)
    {
        _shape = shape;
        var queries = shape.Heads * shape.HeadDim;
        var keys = shape.KvHeads * shape.HeadDim;
        var residual = 0.02 / Math.Sqrt(2 * shape.Layers); // what adds to the residual stream starts smaller
        Add("model.embed_tokens.weight", 0.02, shape.Vocabulary, shape.Hidden);
        for (var layer = 0; layer < shape.Layers; layer++)
        {
            var name = $"model.layers.{layer}";
            AddOnes($"{name}.input_layernorm.weight");
            Add($"{name}.self_attn.q_proj.weight", 0.05, queries, shape.Hidden);
            Add($"{name}.self_attn.k_proj.weight", 0.05, keys, shape.Hidden);
            Add($"{name}.self_attn.v_proj.weight", 0.05, keys, shape.Hidden);
            Add($"{name}.self_attn.o_proj.weight", residual, shape.Hidden, queries);
            AddOnes($"{name}.post_attention_layernorm.weight");
            Add($"{name}.mlp.gate_proj.weight", 0.05, shape.FeedForward, shape.Hidden);
            Add($"{name}.mlp.up_proj.weight", 0.05, shape.FeedForward, shape.Hidden);
            Add($"{name}.mlp.down_proj.weight", residual, shape.Hidden, shape.FeedForward);
        }
        AddOnes("model.norm.weight");
    }

    internal IReadOnlyDictionary<string, TorchSharp.Modules.Parameter> Parameters => _parameters;

    internal long ParameterCount => _parameters.Values.Sum(p => p.numel());

    /// <summary>Logits [batch, length, vocabulary] of tokens [batch, length].</summary>
    internal Tensor Forward(Tensor tokens)
    {
        var (cos, sin) = Rotation((int)tokens.shape[1]);
        var x = _parameters["model.embed_tokens.weight"].index_select(0, tokens.reshape(-1))
            .view(tokens.shape[0], tokens.shape[1], _shape.Hidden);
        for (var layer = 0; layer < _shape.Layers; layer++)
        {
            var name = $"model.layers.{layer}";
            x = x + Attention(Norm(x, $"{name}.input_layernorm.weight"), name, cos, sin);
            var h = Norm(x, $"{name}.post_attention_layernorm.weight");
            var gated = functional.silu(Linear(h, $"{name}.mlp.gate_proj.weight")) * Linear(h, $"{name}.mlp.up_proj.weight");
            x = x + Linear(gated, $"{name}.mlp.down_proj.weight");
        }
        return Linear(Norm(x, "model.norm.weight"), "model.embed_tokens.weight");
    }

    public void Dispose()
    {
        foreach (var parameter in _parameters.Values) parameter.Dispose();
    }

    private Tensor Attention(Tensor x, string name, Tensor cos, Tensor sin)
    {
        long batch = x.shape[0], length = x.shape[1];
        var q = Heads(Linear(x, $"{name}.self_attn.q_proj.weight"), _shape.Heads);
        var k = Heads(Linear(x, $"{name}.self_attn.k_proj.weight"), _shape.KvHeads);
        var v = Heads(Linear(x, $"{name}.self_attn.v_proj.weight"), _shape.KvHeads);
        q = Rotate(q, cos, sin);
        k = Rotate(k, cos, sin);
        var share = _shape.Heads / _shape.KvHeads;
        if (share > 1)
        {
            k = k.repeat_interleave(share, 1);
            v = v.repeat_interleave(share, 1);
        }
        var o = functional.scaled_dot_product_attention(q, k, v, is_casual: true);
        return Linear(o.transpose(1, 2).reshape(batch, length, _shape.Heads * _shape.HeadDim), $"{name}.self_attn.o_proj.weight");

        Tensor Heads(Tensor t, int heads) => t.view(batch, length, heads, _shape.HeadDim).transpose(1, 2);
    }

    private Tensor Linear(Tensor x, string weight) => functional.linear(x, _parameters[weight]);

    private Tensor Norm(Tensor x, string weight) =>
        x * torch.rsqrt(x.square().mean([-1], keepdim: true) + _shape.NormEpsilon) * _parameters[weight];

    /// <summary>Hugging Face's convention: the two halves of a head are the two coordinates.</summary>
    private static Tensor Rotate(Tensor t, Tensor cos, Tensor sin)
    {
        var halves = t.chunk(2, -1);
        return t * cos + torch.cat([-halves[1], halves[0]], -1) * sin;
    }

    private (Tensor Cos, Tensor Sin) Rotation(int length)
    {
        var half = torch.arange(0, _shape.HeadDim, 2, ScalarType.Float32) / _shape.HeadDim;
        var frequencies = torch.pow(torch.tensor((float)_shape.RopeTheta), -half);
        var angles = torch.outer(torch.arange(length, ScalarType.Float32), frequencies);
        angles = torch.cat([angles, angles], -1);
        return (angles.cos(), angles.sin());
    }

    private void Add(string name, double deviation, long rows, long columns) =>
        _parameters.Add(name, new TorchSharp.Modules.Parameter(torch.randn(rows, columns) * deviation));

    private void AddOnes(string name) => _parameters.Add(name, new TorchSharp.Modules.Parameter(torch.ones(_shape.Hidden)));
}
