"""Models of the libraries that people use, at random weights: a probe changes no bit of their training, and is quiet.

    python -m venv env && env/bin/pip install -c constraints.txt torch torchvision timm transformers peft lightning \
        accelerate torch_geometric
    PYTHONPATH=src env/bin/python benchmarks/sick/libraries.py [--only WORD] [--steps 12]

Every set-up is trained twice from one seed, with and without a probe. "changed" is a set-up whose losses, weights,
buffers or random state differ; "failed" one where the probe says that it failed; "alarm" one with a finding. A library
that is not installed is passed over by name. Exit status 1 if anything but "quiet" was seen.
"""

import argparse
import contextlib
import importlib.util
import io
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from vanishing.probe import probe
from vanishing.probe.trainers import lightning_callback, transformers_callback

os.environ.setdefault("HF_HUB_OFFLINE", "1")
logging.disable(logging.WARNING)
# A torchvision that was built for CUDA does not load its kernels beside a torch that was not, and then asks for these
# operators by name while it is imported. No network here calls them in training.
KERNELS = """
import importlib.util, torch
if importlib.util.find_spec("torchvision") and torch.version.cuda is None:
    kernels = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        kernels.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
exec(KERNELS)
SETUPS = {}


def setup(library, name, lr=3e-4, make=torch.optim.AdamW, clip=None):
    """Put a function that returns (model, loss) into SETUPS; `loss(model, k)` is that of step k."""

    def put(function):
        SETUPS[f"{library}: {name}"] = library, lambda steps, listen: plain(function, steps, listen, lr, make, clip)
        return function

    return put


def whole(library, name):
    """Put a function of (steps, listen) that returns (model, losses, probe or None) into SETUPS."""

    def put(function):
        SETUPS[f"{library}: {name}"] = library, function
        return function

    return put


def plain(function, steps, listen, lr, make, clip):
    """A training loop as most people write it."""
    model, loss = function()
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = make(parameters, lr=lr)
    losses = []
    with probe(model) if listen else contextlib.nullcontext() as p:
        for k in range(steps):
            optimizer.zero_grad()
            value = loss(model, k)
            value.backward()
            if clip:
                nn.utils.clip_grad_norm_(parameters, clip)
            optimizer.step()
            losses.append(value.detach().clone())
    return model, losses, p


def pictures(n=8, size=64, classes=4):
    """Pictures (n, 3, size, size) whose class is in their colour, and the classes."""
    draw = torch.Generator().manual_seed(1)
    y = torch.arange(n) % classes
    return torch.randn(n, 3, size, size, generator=draw) + y[:, None, None, None] / classes, y


def words(n=8, length=16, vocabulary=100):
    return torch.randint(5, vocabulary, (n, length), generator=torch.Generator().manual_seed(2))


def classified(make, size=64, pick=lambda out: out):
    """A network of pictures under cross-entropy."""

    def function():
        x, y = pictures(size=size)
        return make(), lambda model, k: F.cross_entropy(pick(model(x)), y)

    return function


# torchvision


def tv(name, **options):
    def make():
        from torchvision import models

        return getattr(models, name)(weights=None, num_classes=4, **options)

    return make


for name in ("resnet18", "mobilenet_v3_small", "efficientnet_b0", "densenet121", "squeezenet1_1", "shufflenet_v2_x0_5",
             "regnet_y_400mf"):  # fmt: skip
    setup("torchvision", name)(classified(tv(name)))
setup("torchvision", "resnet18, zero_init_residual, SGD", lr=0.05, make=torch.optim.SGD)(
    classified(tv("resnet18", zero_init_residual=True))
)


@setup("torchvision", "ConvNeXt")
def convnext():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    x, y = pictures()
    blocks = [CNBlockConfig(32, 64, 2), CNBlockConfig(64, 96, 2), CNBlockConfig(96, None, 2)]
    return ConvNeXt(blocks, num_classes=4), lambda m, k: F.cross_entropy(m(x), y)


@setup("torchvision", "Swin")
def swin():
    from torchvision import models

    x, y = pictures()
    model = models.SwinTransformer([4, 4], 32, [2, 2], [2, 4], [4, 4], num_classes=4)
    return model, lambda m, k: F.cross_entropy(m(x), y)


@setup("torchvision", "googlenet, auxiliary heads")
def googlenet():
    from torchvision import models

    x, y = pictures(4, 96)
    model = models.googlenet(weights=None, num_classes=4, aux_logits=True, init_weights=True)

    def loss(model, k):
        out = model(x)
        return F.cross_entropy(out.logits, y) + 0.3 * sum(F.cross_entropy(z, y) for z in out[1:])

    return model, loss


@setup("torchvision", "vision transformer")
def vit():
    from torchvision import models

    x, y = pictures()
    return models.VisionTransformer(64, 16, 4, 4, 64, 128, num_classes=4), lambda m, k: F.cross_entropy(m(x), y)


@setup("torchvision", "segmentation, lraspp")
def lraspp():
    from torchvision import models

    x, _ = pictures(4)
    model = models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0.5)
    return model, lambda m, k: F.cross_entropy(m(x)["out"], y)


@setup("torchvision", "detection, ssdlite", clip=10.0)
def ssdlite():
    from torchvision import models

    x, _ = pictures(2, 96)
    model = models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    aims = [{"boxes": torch.tensor([[10.0, 10.0, 60.0, 60.0]]), "labels": torch.tensor([1 + k])} for k in range(2)]
    return model, lambda m, k: sum(m(list(x), aims).values())


# timm


def tm(name, **options):
    def make():
        import timm

        return timm.create_model(name, pretrained=False, num_classes=4, **options)

    return make


for name, options in {
    "vit_tiny_patch16_224": {"img_size": 64},
    "deit3_small_patch16_224": {"img_size": 64, "depth": 6},
    "beit_base_patch16_224": {"img_size": 64, "depth": 4, "embed_dim": 96, "num_heads": 4},
    "cait_xxs24_224": {"img_size": 64, "depth": 6},
    "mixer_s32_224": {"img_size": 64},
    "resmlp_12_224": {"img_size": 64},
    "convnext_atto": {},
    "convnextv2_atto": {},
    "resnet10t": {},
    "efficientnet_lite0": {},
    "mobilenetv4_conv_small": {},
    "ghostnet_100": {},
    "poolformer_s12": {},
    "xcit_nano_12_p16_224": {},
    "nf_regnet_b1": {},
    "regnetz_b16": {},
    "coatnet_pico_rw_224": {"img_size": 64},
    "vgg11": {},
}.items():
    setup("timm", name)(classified(tm(name, **options)))


# transformers


def hf(kind, config, **sizes):
    """A model of transformers by its class, its configuration class and its sizes."""

    def make():
        import transformers

        made = getattr(transformers, config)(**sizes)
        made._attn_implementation = "eager"
        return getattr(transformers, kind)(made)

    return make


SMALL = {"vocab_size": 100, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
         "intermediate_size": 128}  # fmt: skip
HUB = {**SMALL, "max_position_embeddings": 64}
KEYED = {**HUB, "num_key_value_heads": 2}


def worded(make, every=False):
    """A class for each sequence, or the words themselves as labels."""

    def function():
        x = words()
        y = x if every else x[:, 1] % 4
        return make(), lambda model, k: model(input_ids=x, labels=y).loss

    return function


for kind in ("Bert", "Roberta", "Electra", "Albert"):
    setup("transformers", f"{kind}ForSequenceClassification", lr=1e-4)(
        worded(hf(f"{kind}ForSequenceClassification", f"{kind}Config", num_labels=4, pad_token_id=0,
                  embedding_size=64, **HUB) if kind in ("Electra", "Albert")
               else hf(f"{kind}ForSequenceClassification", f"{kind}Config", num_labels=4, pad_token_id=0, **HUB))
    )  # fmt: skip
setup("transformers", "BertForMaskedLM", lr=1e-4)(worded(hf("BertForMaskedLM", "BertConfig", **HUB), every=True))
setup("transformers", "DistilBert", lr=1e-4)(
    worded(hf("DistilBertForSequenceClassification", "DistilBertConfig", vocab_size=100, dim=64, n_layers=3, n_heads=4,
              hidden_dim=128, num_labels=4))
)  # fmt: skip
setup("transformers", "DebertaV2", lr=1e-4)(
    worded(hf("DebertaV2ForSequenceClassification", "DebertaV2Config", num_labels=4, relative_attention=True,
              pos_att_type=["p2c", "c2p"], **HUB))
)  # fmt: skip
setup("transformers", "GPT2", clip=1.0)(
    worded(hf("GPT2LMHeadModel", "GPT2Config", vocab_size=100, n_embd=64, n_layer=3, n_head=4, n_positions=64,
              bos_token_id=1, eos_token_id=1), every=True)
)  # fmt: skip
for kind in ("Llama", "Mistral", "Qwen2", "Gemma2", "Qwen3"):
    more = {"head_dim": 16} if kind in ("Gemma2", "Qwen3") else {}
    setup("transformers", f"{kind}, causal", clip=1.0)(
        worded(hf(f"{kind}ForCausalLM", f"{kind}Config", pad_token_id=0, **KEYED, **more), every=True)
    )
setup("transformers", "Mixtral, causal", clip=1.0)(
    worded(hf("MixtralForCausalLM", "MixtralConfig", num_local_experts=4, **KEYED), every=True)
)
setup("transformers", "Mamba", clip=1.0)(
    worded(hf("MambaForCausalLM", "MambaConfig", vocab_size=100, hidden_size=64, num_hidden_layers=3, state_size=8),
           every=True)
)  # fmt: skip
setup("transformers", "T5", lr=1e-3)(
    worded(hf("T5ForConditionalGeneration", "T5Config", vocab_size=100, d_model=64, d_kv=16, d_ff=128, num_layers=2,
              num_heads=4, decoder_start_token_id=0), every=True)
)  # fmt: skip
setup("transformers", "Bart")(
    worded(hf("BartForConditionalGeneration", "BartConfig", vocab_size=100, d_model=64, encoder_layers=2,
              decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=128,
              decoder_ffn_dim=128, max_position_embeddings=64), every=True)
)  # fmt: skip


@setup("transformers", "ViT", lr=1e-4)
def hf_vit():
    x, y = pictures()
    make = hf("ViTForImageClassification", "ViTConfig", hidden_size=64, num_hidden_layers=3, num_attention_heads=4,
              intermediate_size=128, image_size=64, num_labels=4)  # fmt: skip
    return make(), lambda m, k: m(pixel_values=x, labels=y).loss


@setup("transformers", "CLIP", lr=1e-4)
def clip():
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

    part = {k: v for k, v in SMALL.items() if k != "vocab_size"}
    text = CLIPTextConfig(vocab_size=100, eos_token_id=4, max_position_embeddings=64, **part)
    vision = CLIPVisionConfig(image_size=64, patch_size=16, **part)
    made = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=32)
    x, _ = pictures()
    t = words()
    return CLIPModel(made), lambda m, k: m(input_ids=t, pixel_values=x, return_loss=True).loss


@setup("transformers", "Wav2Vec2, CTC", lr=1e-4)
def wav2vec():
    part = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    ears = {"conv_dim": (32, 32), "conv_stride": (5, 4), "conv_kernel": (10, 8), "num_feat_extract_layers": 2}
    ears |= {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "mask_time_prob": 0.0}
    make = hf("Wav2Vec2ForCTC", "Wav2Vec2Config", vocab_size=20, ctc_loss_reduction="mean", pad_token_id=0,
              **part, **ears)  # fmt: skip
    sound = torch.randn(4, 2000, generator=torch.Generator().manual_seed(3))
    y = torch.randint(1, 20, (4, 8), generator=torch.Generator().manual_seed(4))
    return make(), lambda m, k: m(input_values=sound, labels=y).loss


# peft


def tuned(config, **options):
    def function():
        import peft

        base = hf("GPT2LMHeadModel", "GPT2Config", vocab_size=100, n_embd=64, n_layer=3, n_head=4, n_positions=64,
                  bos_token_id=1, eos_token_id=1)()  # fmt: skip
        x = words()
        model = peft.get_peft_model(base, getattr(peft, config)(task_type="CAUSAL_LM", **options))
        return model, lambda m, k: m(input_ids=x, labels=x).loss

    return function


PARTS = {"target_modules": ["c_attn"], "fan_in_fan_out": True}
setup("peft", "LoRA", lr=1e-3)(tuned("LoraConfig", r=4, **PARTS))
setup("peft", "DoRA", lr=1e-3)(tuned("LoraConfig", r=4, use_dora=True, **PARTS))
setup("peft", "rsLoRA, dropout", lr=1e-3)(tuned("LoraConfig", r=4, use_rslora=True, lora_dropout=0.1, **PARTS))
setup("peft", "IA3", lr=3e-3)(
    tuned("IA3Config", target_modules=["c_attn"], feedforward_modules=[], fan_in_fan_out=True)
)
setup("peft", "prompt tuning", lr=1e-2)(tuned("PromptTuningConfig", num_virtual_tokens=4))
setup("peft", "VeRA", lr=1e-2)(tuned("VeraConfig", r=8, **PARTS))

# PyTorch Geometric


def graph(kind, **options):
    def function():
        from torch_geometric import nn as gnn

        draw = torch.Generator().manual_seed(5)
        x, edges = torch.randn(60, 16, generator=draw), torch.randint(0, 60, (2, 240), generator=draw)
        y = (x[:, 0] > 0).long()
        model = getattr(gnn.models, kind)(16, 32, 3, 2, **options)
        return model, lambda m, k: F.cross_entropy(m(x, edges), y)

    return function


for kind, options in {"GCN": {}, "GraphSAGE": {}, "GAT": {"heads": 2}, "GIN": {}, "PNA": None}.items():
    if options is not None:
        setup("torch_geometric", kind, lr=5e-3)(graph(kind, **options))

# Where somebody else owns the loop


def net():
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))


def points(n=128):
    draw = torch.Generator().manual_seed(6)
    x = torch.randn(n, 20, generator=draw)
    return x, (x @ torch.randn(20, 4, generator=draw)).argmax(1)


@whole("lightning", "Trainer, clipping, two batches together, validation")
def lightning_trainer(steps, listen):
    import lightning.pytorch as pl
    from torch.utils.data import DataLoader, TensorDataset

    losses = []

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net()

        def training_step(self, batch, k):
            loss = F.cross_entropy(self.net(batch[0]), batch[1])
            losses.append(loss.detach().clone())
            return loss

        def validation_step(self, batch, k):
            self.log("v", F.cross_entropy(self.net(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    model, data = Module(), TensorDataset(*points())
    callback = lightning_callback(show=None)
    trainer = pl.Trainer(
        max_steps=steps, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, gradient_clip_val=1.0, accumulate_grad_batches=2,
        callbacks=[callback] if listen else [],
    )  # fmt: skip
    trainer.fit(model, DataLoader(data, 16, shuffle=True), DataLoader(data, 64))
    return model, losses, callback.probe


@whole("lightning", "manual optimisation, two optimisers")
def lightning_manual(steps, listen):
    import lightning.pytorch as pl
    from torch.utils.data import DataLoader, TensorDataset

    losses = []

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.g, self.d = (
                nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 20)),
                nn.Sequential(nn.Linear(20, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)),
            )
            self.automatic_optimization = False

        def training_step(self, batch, k):
            first, second = self.optimizers()
            fake = self.g(torch.randn(len(batch[0]), 8))
            loss = F.softplus(-self.d(batch[0])).mean() + F.softplus(self.d(fake.detach())).mean()
            second.zero_grad()
            self.manual_backward(loss)
            second.step()
            first.zero_grad()
            self.manual_backward(F.softplus(-self.d(fake)).mean())
            first.step()
            losses.append(loss.detach().clone())

        def configure_optimizers(self):
            return [torch.optim.Adam(part.parameters(), lr=2e-4, betas=(0.5, 0.9)) for part in (self.g, self.d)]

    model, callback = Module(), lightning_callback(show=None)
    trainer = pl.Trainer(
        max_steps=2 * steps, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[callback] if listen else [],
    )  # fmt: skip
    trainer.fit(model, DataLoader(TensorDataset(*points()), 16))
    return model, losses, callback.probe


@whole("lightning", "fabric")
def fabric(steps, listen):
    from lightning.fabric import Fabric

    made = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    model = net()
    x, y = points()
    wrapped, optimizer = made.setup(model, torch.optim.AdamW(model.parameters(), lr=1e-3))
    losses = []
    with probe(wrapped) if listen else contextlib.nullcontext() as p:
        for k in range(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(wrapped(x[16 * (k % 8) :][:16]), y[16 * (k % 8) :][:16])
            made.backward(loss)
            optimizer.step()
            losses.append(loss.detach().clone())
    return model, losses, p


def bert():
    return hf("BertForSequenceClassification", "BertConfig", num_labels=4, **HUB)()


@whole("transformers", "Trainer, warm-up, two batches together")
def hf_trainer(steps, listen, **options):
    import transformers

    model, x = bert(), words(64)
    data = [{"input_ids": row, "labels": int(row[1] % 4)} for row in x]
    callback, losses = transformers_callback(show=None), []
    with tempfile.TemporaryDirectory() as place:
        settings = {"max_steps": steps, "learning_rate": 1e-4, "warmup_steps": 4, "gradient_accumulation_steps": 2}
        settings |= {"per_device_train_batch_size": 8, "report_to": "none", "use_cpu": True, "disable_tqdm": True}
        settings |= {"logging_strategy": "no", "save_strategy": "no", "output_dir": place, **options}
        trainer = transformers.Trainer(
            model=model, args=transformers.TrainingArguments(**settings), train_dataset=data,
            callbacks=[callback] if listen else [],
        )  # fmt: skip
        losses.append(torch.tensor(trainer.train().training_loss))
    return model, losses, callback.probe


@whole("transformers", "Trainer, bfloat16, gradient checkpointing, saving")
def hf_trainer_more(steps, listen):
    return hf_trainer(
        steps, listen, bf16=True, gradient_checkpointing=True, save_strategy="steps", save_steps=5, warmup_steps=0
    )


@whole("accelerate", "accumulate, clip_grad_norm_, a scheduler")
def accelerated(steps, listen):
    from accelerate import Accelerator
    from torch.utils.data import DataLoader, TensorDataset

    made = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    plan = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=5)
    data = DataLoader(TensorDataset(*points()), 16, shuffle=True)
    model, optimizer, data, plan = made.prepare(model, optimizer, data, plan)
    losses, k = [], 0
    with probe(model) if listen else contextlib.nullcontext() as p:
        while k < 2 * steps:
            for x, y in data:
                with made.accumulate(model):
                    loss = F.cross_entropy(model(x), y)
                    made.backward(loss)
                    if made.sync_gradients:
                        made.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
                    plan.step()
                    optimizer.zero_grad()
                losses.append(loss.detach().clone())
                k += 1
    return made.unwrap_model(model), losses, p


SCRIPT = """
import torch, transformers
from transformers import GPT2Config, GPT2LMHeadModel
torch.manual_seed(0); torch.set_num_threads(1)
model = GPT2LMHeadModel(GPT2Config(vocab_size=100, n_embd=64, n_layer=2, n_head=4, n_positions=64))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
x = torch.randint(5, 100, (8, 16))
for k in range(12):
    optimizer.zero_grad()
    loss = model(input_ids=x, labels=x).loss
    loss.backward()
    optimizer.step()
    print(repr(loss.item()))
"""


def script():
    """`python -m vanishing.probe` around a script with a network of transformers; what is wrong, or ''."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "train.py"
        path.write_text(KERNELS + SCRIPT)
        alone, with_it = (
            subprocess.run([sys.executable, *how, str(path)], capture_output=True, text=True)
            for how in ([], ["-m", "vanishing.probe"])
        )
    if alone.returncode or with_it.returncode or not with_it.stdout.startswith(alone.stdout):
        return with_it.stderr[-2000:] or with_it.stdout[:1000] + alone.stderr[-500:]
    said = with_it.stdout[len(alone.stdout) :]
    return "" if "Probe of GPT2LMHeadModel" in said and "No alarm." in said else said


def same(a, b):
    """Whether two outcomes (model, losses, random state) are the same to the last bit."""
    states = [{**dict(m.named_parameters()), **dict(m.named_buffers())} for m in (a[0], b[0])]
    pairs = [(states[0][k], states[1].get(k)) for k in states[0]]
    pairs += [*zip(a[1], b[1], strict=False), (a[2], b[2])]
    return len(a[1]) == len(b[1]) and all(
        t is u or (u is not None and t.shape == u.shape and torch.equal(t.nan_to_num(), u.nan_to_num()))
        for t, u in pairs
    )


def judge(run, steps):
    """'quiet', 'alarm', 'failed', 'changed' or 'cannot run', and what there is to say."""
    outcomes = []
    for listen in (False, True):
        torch.manual_seed(0)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                model, losses, p = run(steps, listen)
        except Exception as error:
            return ("failed" if listen else "cannot run"), [f"{type(error).__name__}: {str(error)[:300]}"]
        outcomes.append((model, losses, torch.get_rng_state()))
    if not same(*outcomes):
        return "changed", [f"{a} {b}" for a, b in zip(outcomes[0][1], outcomes[1][1], strict=False)][:3]
    if any("failed" in note for note in p.notes) or not p.steps:
        return "failed", p.notes
    return ("alarm", [*p.findings(), *p.notes]) if p.findings() else ("quiet", p.notes)


def main():
    """Print a line for each set-up, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--libraries", default="", help="the libraries to try, with commas between; by default all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts, absent = {}, set()
    for name, (library, run) in SETUPS.items():
        if options.only not in name or (options.libraries and library not in options.libraries.split(",")):
            continue
        if importlib.util.find_spec(library) is None:
            absent.add(library)
            continue
        start = time.process_time()
        verdict, said = judge(run, options.steps)
        counts[verdict] = counts.get(verdict, 0) + 1
        print(f"{verdict:8} {name} ({time.process_time() - start:.0f} s)", *said, sep="\n         ", flush=True)
    if options.only in "script" and importlib.util.find_spec("transformers"):
        wrong = script()
        counts["failed" if wrong else "quiet"] = counts.get("failed" if wrong else "quiet", 0) + 1
        print("failed   script" if wrong else "quiet    script, python -m vanishing.probe", wrong)
    for library in sorted(absent):
        print(f"not installed: {library}")
    print(", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items())))
    return int(bool(set(counts) - {"quiet"}))


if __name__ == "__main__":
    raise SystemExit(main())
